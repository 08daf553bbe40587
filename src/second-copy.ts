/**
 * Two copies of the package in one process are two ledgers: budgets hold for each alone, and a handle of
 * one is a stranger to the other. That is worth a warning; it is mostly two versions in one node_modules.
 */
const key = Symbol.for('primarena.loaded')

/** Warns when another copy was loaded before in this thread. */
export function noteCopy(url: string): void {
  const copies = ((globalThis as Record<symbol, unknown>)[key] ??= []) as string[]
  if (copies.length > 0) {
    process.emitWarning(
      `primarena is loaded twice: from ${copies[0]} and from ${url}. Each copy counts its own memory, so ` +
        'budgets and leak reports see only a part; have one copy, for example with npm dedupe.',
      { type: 'PrimarenaWarning', code: 'PRIMARENA_SECOND_COPY' },
    )
  }
  copies.push(url)
}
