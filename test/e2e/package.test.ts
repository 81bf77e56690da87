import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { call } from '../support/mesh.ts'
import { freePorts } from '../support/process.ts'

const repository = resolve(import.meta.dirname, '../..')
/** Without what the test runner has every process load that a test starts. */
const alone = ['-u', 'NODE_OPTIONS']
const run = (file: string, args: readonly string[], cwd = repository) =>
  promisify(execFile)('env', [...alone, file, ...args], { cwd, maxBuffer: 16 * 1024 * 1024 })
const { version } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as {
  readonly version: string
}
// npm asks a registry, and other tests may run beside this one.
t.setTimeout(300_000)

/** npm's own words where it reaches no registry and has nothing kept. */
const offline =
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|ENOTCACHED|ERR_SOCKET_TIMEOUT/

function npm(folder: string, ...args: string[]): Promise<{ stdout: string }> {
  const quiet = ['--no-audit', '--no-fund', '--no-update-notifier']
  return run('npm', [...args, ...quiet], folder)
}

const folder = mkdtempSync(join(tmpdir(), 'weft-package-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
await npm(repository, 'pack', '--silent', '--pack-destination', folder)
const packed = join(folder, `weft-${version}.tgz`)

/** Puts the package into the folder, where nothing else is. @returns why that can't be done here, or false. */
async function install(): Promise<string | false> {
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
  const source = [
    '--prefer-offline',
    '--ignore-scripts',
    '--fetch-retries=0',
    '--fetch-timeout=20000',
  ]
  try {
    await npm(folder, 'install', ...source, packed)
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string }
    if (!offline.test(stderr)) throw error
    return 'npm reaches no registry'
  }
  return false
}

/** A Workload whose sidecar runs threads, which are loaded by the name of their file. */
const mesh = (ports: readonly number[]): string => `
apiVersion: v1
kind: Service
metadata: { name: hello }
spec: { selector: { app: hello }, ports: [{ port: 80, targetPort: http }] }
---
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: { name: hello, labels: { app: hello } }
spec:
  sidecar: { workers: 2, adminPort: ${ports[0]}, outboundPort: ${ports[1]}, inboundPort: ${ports[2]} }
  ports: [{ name: http, port: ${ports[3]} }]
  run: { command: [node, hello.mjs] }
`
const hello = (port: number): string => `
import { createServer } from 'node:http'
createServer((request, response) => response.end('hello')).listen(${port}, '127.0.0.1')
process.once('SIGTERM', () => process.exit(0))
`

const tagging = `
import { pluginApiVersion, type Plugin, type PluginModule } from 'weft/plugin'

export const apiVersion: PluginModule['apiVersion'] = pluginApiVersion
export function create({ tag = 'none' }: { readonly tag?: string }): Plugin {
  return {
    onRequest: request => request.headers.set('x-tag', tag),
    onResponse: response => response.headers.set('x-by', 'mesh'),
  }
}
`
const taggingTest = `
import { loadTestPlugin, type TestResult } from 'weft/plugin/testing'

const plugin = await loadTestPlugin({ path: 'tagging.ts', config: { tag: 'gold' } })
const result: TestResult = await plugin.request({ answer: { status: 204 } })
console.log(String(result.status), result.headers['x-by'], result.forwarded?.headers['x-tag'])
`

/** Resolves when a line of its output matches. */
async function line(child: ChildProcess, pattern: RegExp): Promise<void> {
  const lines: string[] = []
  if (child.stdout === null) throw new Error('its output goes elsewhere')
  for await (const text of createInterface({ input: child.stdout })) {
    if (pattern.test(text)) return child.stdout.resume() && undefined
    lines.push(text)
  }
  throw new Error(`ended without printing ${pattern}:\n${lines.join('\n')}`)
}

/** The first Node on the path that Weft does not run on. */
function oldNode(): string | undefined {
  const candidates = (process.env['PATH'] ?? '').split(delimiter).map(path => join(path, 'node'))
  return candidates.find(path => {
    if (!existsSync(path)) return false
    const major = execFileSync(path, ['-p', 'process.versions.node'], { encoding: 'utf8' })
    return Number.parseInt(major, 10) < 24
  })
}

async function stories(test: Test): Promise<void> {
  const weft = join(folder, 'node_modules/.bin/weft')

  await test.test('it says its version and helps', async t => {
    t.equal((await run(weft, ['version'])).stdout, `${version}\n`)
    t.match((await run(weft, ['--help'])).stdout, /Usage: weft/)
  })

  await test.test('it holds compiled code, schemas, and programs of other languages', async t => {
    const installed = join(folder, 'node_modules/weft')
    for (const file of [
      'dist/main.js',
      'dist/proxy/planes/plane-thread.js',
      'dist/functions/queue/sqlite/thread.js',
      'dist/functions/runtime/warm/warm-python.py',
      'dist/functions/runtime/warm/warm-node.mjs',
      'config/schemas/weft.schema.json',
    ])
      t.ok(existsSync(join(installed, file)), file)
    for (const name of ['src', 'test', 'dist/main.ts']) t.notOk(existsSync(join(installed, name)))
  })

  await test.test('a plugin is written and tested with its types and its kit', async t => {
    writeFileSync(join(folder, 'tagging.ts'), tagging)
    writeFileSync(join(folder, 'tagging-test.mts'), taggingTest)
    const options = '--noEmit --strict --module nodenext --target es2024 --lib es2024,dom --types'
    const compiler = join(repository, 'node_modules/.bin/tsc')
    const files = ['tagging.ts', 'tagging-test.mts']
    const flags = [...options.split(' '), '', '--allowImportingTsExtensions', ...files]
    t.equal((await run(compiler, flags, folder)).stdout, '')
    t.equal((await run(process.execPath, ['tagging-test.mts'], folder)).stdout, '204 mesh gold\n')
  })

  await test.test('it runs a mesh where nothing else of Weft is', async t => {
    const [control = 0, controlAdmin = 0, ...ports] = await freePorts(6)
    writeFileSync(join(folder, 'mesh.yaml'), mesh(ports))
    writeFileSync(join(folder, 'hello.mjs'), hello(ports[3] ?? 0))
    const flags = ['--control-port', `${control}`, '--control-admin-port', `${controlAdmin}`]
    const child = spawn('env', [...alone, weft, 'up', 'mesh.yaml', ...flags], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    t.teardown(() => child.kill('SIGKILL'))
    const exited = once(child, 'exit')
    await line(child, /^Requests appear below/)
    const answer = await call(ports[1] ?? 0, { headers: { host: 'hello' } })
    t.match(answer, { status: 200, body: 'hello' })
    child.kill('SIGTERM')
    t.same(await exited, [0, null])
  })

  const old = oldNode()
  await test.test(
    'an older Node says what is needed',
    { skip: old === undefined && 'none is here' },
    async t => {
      const program = join(folder, 'node_modules/weft/bin/weft.mjs')
      const failed = run(old ?? '', [program, 'up']).then(
        () => undefined,
        (error: unknown) => error as { readonly code: number; readonly stderr: string },
      )
      t.match(await failed, {
        code: 1,
        stderr: /Weft needs Node 24 or newer.*npx -p node@24 -p weft weft up/s,
      })
    },
  )
}

/** Of an image; why it can't be made here, or false. */
function withoutRoot(): string | false {
  if (process.getuid?.() !== 0) return 'needs root'
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin']
  if (process.platform !== 'linux') return 'needs Linux'
  return folders.some(folder => existsSync(join(folder, 'iptables'))) ? false : 'needs iptables'
}

await t.test('the package, installed into an empty folder', { skip: await install() }, stories)

await t.test('the root file system of the image', { skip: withoutRoot() }, async test => {
  const root = mkdtempSync(join(tmpdir(), 'weft-rootfs-'))
  test.teardown(() => rmSync(root, { recursive: true, force: true }))
  await run(join(repository, 'deploy/rootfs.sh'), [root, packed])
  const inside = (...command: string[]) => run('chroot', ['--userspec=1337:1337', root, ...command])

  await test.test('runs with nothing but what lies in it, as nobody special', async t => {
    t.equal((await inside('/usr/local/bin/weft', 'version')).stdout, `${version}\n`)
    const koffi =
      "import('/opt/weft/node_modules/koffi/index.js').then(() => console.log('loaded'))"
    t.equal((await inside('/usr/local/bin/node', '-e', koffi)).stdout, 'loaded\n')
    t.match((await inside('/usr/sbin/iptables', '--version')).stdout, /^iptables v/)
  })

  await test.test('has no shell, package manager, compiler or source', async t => {
    const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
    const programs = /(?:^|\/)(?:sh|bash|dash|busybox|npm|npx|apt|dpkg|tsc|gcc)$/
    t.same(
      files.filter(file => /s?bin\//.test(file) && programs.test(file)),
      [],
    )
    t.same(
      files.filter(file => file.endsWith('.ts')),
      [],
    )
  })

  await test.test('lets only its own user into what it keeps', async t => {
    const kept = statSync(join(root, 'var/lib/weft'))
    t.match(kept, { uid: 1337, gid: 1337 })
    t.equal(kept.mode & 0o777, 0o700)
  })

  await test.test('says what it is made of', async t => {
    const text = readFileSync(join(root, 'usr/share/weft/sbom.json'), 'utf8')
    const { components } = JSON.parse(text) as { readonly components: { readonly name: string }[] }
    const names = components.map(({ name }) => name)
    for (const name of ['node', 'undici', 'pino']) t.ok(names.includes(name), name)
    t.notOk(names.includes('tap'), 'nothing that only developers need')
  })
})

t.test('compose files name the image of this version', async t => {
  for (const file of ['docker-compose.yml', 'examples/containers/python-app/docker-compose.yml'])
    t.match(readFileSync(join(repository, file), 'utf8'), `\${WEFT_IMAGE:-weft:${version}}`, file)
})
