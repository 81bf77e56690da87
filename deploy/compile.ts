// `npm run build`: what the package holds, in dist/. Node strips no types inside node_modules, so they are gone here.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
const source = join(root, 'src')
const target = join(root, 'dist')
/** What the package exports: their types are a part of it. */
const exported = ['proxy/plugins/plugin.d.ts', 'proxy/plugins/testing.d.ts']

rmSync(target, { recursive: true, force: true })
compile()
copyDeclarations()
// Programs of other languages that a sidecar starts lie beside the code that starts them.
cpSync(source, target, {
  recursive: true,
  filter: path =>
    statSync(path).isDirectory() ? !path.endsWith('__pycache__') : !/\.tsx?$/.test(path),
})

function compile(...options: string[]): void {
  const compiler = join(root, 'node_modules/.bin/tsc')
  const { status, error } = spawnSync(compiler, ['-p', 'tsconfig.build.json', ...options], {
    cwd: root,
    stdio: 'inherit',
  })
  if (error !== undefined) throw new Error(`${compiler}: ${error.message}. Run \`npm ci\` first.`)
  if (status !== 0) process.exit(status ?? 1)
}

/** With their comments, which whoever writes a plugin reads, and with what they refer to. */
function copyDeclarations(): void {
  const folder = mkdtempSync(join(tmpdir(), 'weft-declarations-'))
  try {
    const options = ['--declaration', '--emitDeclarationOnly', '--removeComments', 'false']
    compile(...options, '--outDir', folder)
    const files = new Set(exported)
    for (const file of files) {
      const text = readFileSync(join(folder, file), 'utf8')
      for (const [, path = ''] of text.matchAll(/ from '(\.[^']*)\.ts'/g))
        files.add(join(dirname(file), `${path}.d.ts`))
      cpSync(join(folder, file), join(target, file))
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
