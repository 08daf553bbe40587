// Running other programs, the same way for every script. No dependencies: these files run before `npm ci`.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The root of the repository, with no slash at its end. */
export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/[\\/]$/, '')

const windows = process.platform === 'win32'

/**
 * Runs `command` in the root and collects what it prints.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ onText?: (text: string) => void, env?: NodeJS.ProcessEnv, show?: boolean }} [options]
 *   `onText` sees the output as it comes; `show` lets it through to the terminal instead of collecting it.
 * @returns {Promise<{ code: number, output: string, stdout: string, missing: boolean }>}
 */
export function run(command, args, { onText, env, show } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: show ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'],
      // npm is a .cmd there, which only a shell can start.
      shell: windows && command === 'npm',
    })
    let output = ''
    let stdout = ''
    child.stdout?.setEncoding('utf8').on('data', (text) => {
      output += text
      stdout += text
      onText?.(text)
    })
    child.stderr?.setEncoding('utf8').on('data', (text) => {
      output += text
      onText?.(text)
    })
    child.on('error', (error) => {
      resolve({ code: 127, output: String(error.message), stdout: '', missing: error.code === 'ENOENT' })
    })
    child.on('close', (code, signal) => {
      const ended = signal ? `${output}\n${command} ended by ${signal}\n` : output
      resolve({ code: code ?? 1, output: ended, stdout, missing: false })
    })
  })
}

/** Runs an npm script of package.json. */
export function runScript(name, options) {
  return run('npm', ['run', '--silent', name], options)
}

/** Runs the JavaScript entry of an installed package with this Node, without npx (which costs 300 ms). */
export function runTool(entry, args, options) {
  return run(process.execPath, [`${root}/node_modules/${entry}`, ...args], options)
}
