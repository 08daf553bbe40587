/**
 * The slope of `values` over `times`, and whether it differs from 0.
 *
 * Least squares; a two-sided t-test at 1 % (normal quantile 2.576), with the number of samples reduced for the
 * lag-1 autocorrelation of the residuals, n·(1−r)/(1+r): neighbouring samples of RSS are no independent ones, and
 * without that every wave would count as a trend.
 */
export function slopeOf(times, values) {
  const n = values.length
  const mean = (numbers) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length
  const [meanTime, meanValue] = [mean(times), mean(values)]
  let xx = 0
  let xy = 0
  for (let i = 0; i < n; i += 1) {
    xx += (times[i] - meanTime) ** 2
    xy += (times[i] - meanTime) * (values[i] - meanValue)
  }
  const slope = xy / xx
  const residuals = values.map((value, i) => value - meanValue - slope * (times[i] - meanTime))
  const squares = residuals.reduce((sum, residual) => sum + residual ** 2, 0)
  let lagged = 0
  for (let i = 1; i < n; i += 1) lagged += residuals[i] * residuals[i - 1]
  const correlation = squares === 0 ? 0 : Math.min(Math.max(lagged / squares, 0), 0.95)
  const effective = Math.max((n * (1 - correlation)) / (1 + correlation), 3)
  const error = Math.sqrt((squares / (effective - 2)) * (1 / xx))
  return { slope, error, differs: Math.abs(slope) > 2.576 * error, correlation }
}
