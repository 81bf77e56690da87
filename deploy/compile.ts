// `npm run build`: what the package holds, in dist/. Node strips no types inside node_modules, so they are gone here.
import { spawnSync } from 'node:child_process'
import { cpSync, rmSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
const source = join(root, 'src')
const target = join(root, 'dist')

rmSync(target, { recursive: true, force: true })
const compiler = join(root, 'node_modules/.bin/tsc')
const { status, error } = spawnSync(compiler, ['-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
})
if (error !== undefined) throw new Error(`${compiler}: ${error.message}. Run \`npm ci\` first.`)
if (status !== 0) process.exit(status ?? 1)
// Programs of other languages that a sidecar starts lie beside the code that starts them.
cpSync(source, target, {
  recursive: true,
  filter: path =>
    statSync(path).isDirectory() ? !path.endsWith('__pycache__') : !/\.tsx?$/.test(path),
})
