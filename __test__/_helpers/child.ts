import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))

export interface Ended {
  code: number | null
  signal: string | null
  stdout: string
  stderr: string
}

/** Runs `source` as a module in a process of its own, where `primarena` is this package. */
export function runChild(
  source: string,
  options: { env?: Record<string, string>; nodeArguments?: string[]; timeoutMs?: number } = {},
): Promise<Ended> {
  const { NODE_OPTIONS: _, PRIMARENA_LEAK_DETECTION: __, ...env } = process.env
  const child = spawn(
    process.execPath,
    ['--expose-gc', ...(options.nodeArguments ?? []), '--input-type=module', '--eval', source],
    {
      cwd: root,
      env: { ...env, ...options.env },
      timeout: options.timeoutMs ?? 60_000,
      killSignal: 'SIGKILL',
    },
  )
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => (stdout += chunk))
  child.stderr.on('data', (chunk) => (stderr += chunk))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
}
