// How many tests passed and failed, read from what the test runners print.

/** @typedef {{ passed: number, failed: number }} Count */

/**
 * Adds up the `test result:` lines of `cargo test`. A run that failed without a failed test (it did not
 * compile, or a test binary crashed) counts as one failure.
 *
 * @param {string} output
 * @param {number} exitCode
 * @returns {Count}
 */
export function countCargo(output, exitCode) {
  const count = { passed: 0, failed: 0 }
  for (const [, passed, failed] of output.matchAll(/^test result: .*? (\d+) passed; (\d+) failed/gm)) {
    count.passed += Number(passed)
    count.failed += Number(failed)
  }
  return withExitCode(count, exitCode)
}

/**
 * Counts the test points of a TAP stream. Skipped and to-do points are neither; a stream that ended with an
 * exit code of failure but no failed point counts as one failure.
 *
 * @param {string} output
 * @param {number} exitCode
 * @returns {Count}
 */
export function countTap(output, exitCode) {
  const count = { passed: 0, failed: 0 }
  for (const [, not, rest] of output.matchAll(/^(not )?ok \d+(.*)$/gm)) {
    if (/ # (SKIP|TODO)/i.test(rest)) continue
    if (not) count.failed++
    else count.passed++
  }
  return withExitCode(count, exitCode)
}

/**
 * The failed points of a TAP stream with what follows each, up to the next point.
 *
 * @param {string} output
 * @returns {string[]}
 */
export function failedTapPoints(output) {
  const blocks = output.split(/^(?=(?:not )?ok \d+)/m)
  return blocks
    .filter((block) => block.startsWith('not ok') && !/^not ok.* # TODO/i.test(block))
    .map((block) => block.replace(/\n1\.\.\d+[\s\S]*$/, '').trimEnd())
}

function withExitCode(count, exitCode) {
  if (exitCode !== 0 && count.failed === 0) count.failed = 1
  return count
}
