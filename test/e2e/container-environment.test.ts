// A sidecar as a container runs it: variables, another user, one folder to write to.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chownSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { createJoinToken } from '../../src/control/join-token.ts'
import { wallNow } from '../../src/base/clock.ts'
import { call, eventually, startApplication, startMesh } from '../support/mesh.ts'
import { freePorts } from '../support/process.ts'

const main = resolve(import.meta.dirname, '../../src/main.ts')
const isRoot = process.getuid?.() === 0
/** Nobody's: no user of this machine has it. */
const uid = 54_321

interface Ended {
  readonly code: number | null
  readonly output: string
}

function start(t: Test, command: readonly string[], environment: Record<string, string>) {
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
  // Nothing but what an image would give; the test runner would put something of its own into an environment.
  const child = spawn('/usr/bin/env', ['-i', ...variables, process.execPath, main, ...command], {
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(isRoot && { uid, gid: uid }),
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const ended = once(child, 'close').then(([code]): Ended => ({ code, output }))
  t.teardown(() => child.kill('SIGKILL'))
  return { child, ended, output: () => output }
}

/** Whether that user could run the program from where it lies. */
function isReachable(): boolean {
  if (!isRoot) return true
  for (let path = main; path !== '/'; path = dirname(path))
    if ((statSync(path).mode & (path === main ? 4 : 1)) === 0) return false
  return true
}

t.test(
  'variables, an arbitrary user and one writable folder are all that a sidecar needs',
  { skip: isReachable() ? false : 'this checkout lies where no other user may read' },
  async t => {
    const application = await startApplication(t, (_request, response) => void response.end('web'))
    const mesh = await startMesh(
      t,
      `
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ port: 80, targetPort: ${application} }] }
`,
    )
    // Not below the test's own folder, which only its user may enter.
    const folder = mkdtempSync(join(tmpdir(), 'weft-container-'))
    t.teardown(() => rmSync(folder, { recursive: true }))
    const state = join(folder, 'state')
    mkdirSync(state, { mode: 0o700 })
    copyFileSync(join(mesh.bootstrap.stateDirectory, 'trust-bundle.pem'), join(folder, 'trust.pem'))
    const token = await createJoinToken(mesh.bootstrap.stateDirectory, {
      namespace: 'default',
      name: 'web',
      serviceAccount: 'web',
      labels: { app: 'web' },
      expiresAt: wallNow() + 60_000,
    })
    writeFileSync(join(folder, 'token'), token)
    if (isRoot)
      for (const path of [folder, state, join(folder, 'token'), join(folder, 'trust.pem')])
        chownSync(path, uid, uid)

    const [admin, outbound, inbound, health] = (await freePorts(4)) as [
      number,
      number,
      number,
      number,
    ]
    const environment = {
      WEFT_WORKLOAD: 'web',
      WEFT_CONTROL_PLANE: `127.0.0.1:${mesh.pushPort}`,
      WEFT_TRUST_BUNDLE: join(folder, 'trust.pem'),
      WEFT_TOKEN_FILE: join(folder, 'token'),
      WEFT_STATE: state,
      WEFT_ADVERTISE: '127.0.0.1',
      WEFT_APPLICATION_PORTS: String(application),
      WEFT_ADMIN: `127.0.0.1:${admin}`,
      WEFT_OUTBOUND: `127.0.0.1:${outbound}`,
      WEFT_INBOUND: `127.0.0.1:${inbound}`,
      WEFT_HEALTH: `127.0.0.1:${health}`,
      WEFT_DRAIN_TIMEOUT: '1s',
      WEFT_ACCESS_LOG: 'all',
    }
    const before = await start(t, ['ready'], environment).ended
    t.match(before, { code: 1, output: /not ready: no answer from/ })

    const { child, ended, output } = start(t, ['proxy'], environment)
    await eventually(
      () => call(health, { path: '/ready' }).catch(() => undefined),
      answer => answer?.status === 200,
    )
    t.strictSame(await start(t, ['ready'], environment).ended, { code: 0, output: '' })

    const { body } = await call(outbound, { headers: { host: 'web' } })
    t.equal(body, 'web', 'a call goes through the sidecar to the application')
    t.ok(readdirSync(state).includes('snapshot.json'))
    t.ok(readdirSync(state).includes('compile-cache'), 'compiled code lies with the rest')
    if (isRoot) {
      t.equal(statSync(`/proc/${child.pid}`).uid, uid)
      for (const name of readdirSync(state)) t.equal(statSync(join(state, name)).uid, uid, name)
    }
    child.kill('SIGTERM')
    const { code } = await ended
    t.equal(code, 0, output())
    t.notMatch(output(), /error/i)
  },
)

t.test('what is wrong with the environment is said at once, with exit code 1', async t => {
  const { code, output } = await start(t, ['proxy'], { WEFT_WORKLAOD: 'web', WEFT_ADMIN: 'x' })
    .ended
  t.equal(code, 1)
  t.match(output.split('\n').slice(0, 2), [
    'WEFT_WORKLAOD: unknown variable, did you mean WEFT_WORKLOAD?',
    'WEFT_ADMIN: expected [host:]port, an IPv6 host in brackets, and not "x"',
  ])
})

t.test('a folder that cannot be written to is named before anything is asked', async t => {
  const { code, output } = await start(t, ['proxy'], {
    WEFT_WORKLOAD: 'web',
    WEFT_TOKEN_FILE: '/nowhere',
    WEFT_STATE: '/state-of-nobody',
    WEFT_ADVERTISE: '127.0.0.1',
    ...Object.fromEntries(
      (await freePorts(2)).map((port, i) => [
        ['WEFT_ADMIN', 'WEFT_HEALTH'][i],
        `127.0.0.1:${port}`,
      ]),
    ),
  }).ended
  t.equal(code, 1)
  t.match(output, /nothing can be written to the state directory/)
})
