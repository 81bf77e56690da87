// A network and a mount namespace of its own stand for a container: its resolv.conf names the sidecar, and all ports are free.
import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { eventually } from '../support/mesh.ts'
import { testFolder } from '../support/test-folder.ts'

const main = resolve(import.meta.dirname, '../../src/main.ts')
const shop = resolve(import.meta.dirname, '../../examples/shop')
const run = promisify(execFile)

/** Why it cannot be tried here. */
function obstacle(): string | false {
  const probe = 'ip link set lo up && command -v getent && command -v curl && command -v nsenter'
  const { status, error } = spawnSync('unshare', ['--net', '--mount', 'sh', '-c', probe])
  return status !== 0 && `needs root, ip, getent and curl: ${error?.message ?? 'unshare failed'}`
}

const mesh = `
apiVersion: v1
kind: Service
metadata: { name: payments }
spec: { selector: { app: payments }, ports: [{ port: 80, targetPort: 4020 }] }
---
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: { name: payments, labels: { app: payments } }
spec:
  ports: [{ port: 4020 }]
  run: { command: [node, ${shop}/payments.ts] }
---
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: { name: shell, labels: { app: shell } }
spec:
  sidecar: { dns: { port: 53 } }
`

const resolvConf = `
search default.svc.cluster.local svc.cluster.local cluster.local
nameserver 127.0.0.1
options ndots:5
`

/** `weft up` in the namespaces, when it is ready. */
async function startContainer(t: Test): Promise<ChildProcess> {
  const folder = testFolder(t, { 'mesh.yaml': mesh, 'resolv.conf': resolvConf })
  // getaddrinfo gives no IPv4 address where nothing but loopback has one (AI_ADDRCONFIG).
  const network = 'ip link set lo up && ip addr add 192.0.2.2/32 dev lo'
  const script = `${network} && mount --bind "$1" /etc/resolv.conf && shift && exec "$@"`
  const up = [process.execPath, main, 'up', join(folder, 'mesh.yaml')]
  const command = ['sh', '-c', script, 'sh', join(folder, 'resolv.conf'), ...up]
  const state = ['--state-directory', join(folder, 'state')]
  const child = spawn('unshare', ['--net', '--mount', ...command, ...state], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(async () => {
    if (child.exitCode !== null) return
    child.kill()
    await once(child, 'close')
  })
  const ready = Promise.withResolvers<ChildProcess>()
  createInterface({ input: child.stdout }).on('line', line => {
    if (line.startsWith('Requests appear below')) ready.resolve(child)
  })
  child.once('close', () => ready.reject(new Error('it ended before it was ready')))
  return ready.promise
}

t.test('getent and curl find a service by each form of its name', { skip: obstacle() }, async t => {
  const container = await startContainer(t)
  const inside = async (...command: string[]): Promise<string> => {
    const { stdout } = await run('nsenter', ['-t', String(container.pid), '-n', '-m', ...command])
    return stdout.trim()
  }
  const forms = ['payments', 'payments.default', 'payments.default.svc.cluster.local']
  for (const form of forms) {
    t.match(await inside('getent', 'ahostsv4', form), /^127\.\d+\.\d+\.\d+ /, form)
    const ask = () =>
      inside('curl', '-sS', '--max-time', '5', '-w', ' %{http_code}', `http://${form}/payments/1`)
    t.match(await eventually(ask, answer => answer.endsWith('200')), /200$/, form)
  }
  // No IPv6 address, but a name: with NXDOMAIN for AAAA the one lookup of both would fail.
  t.match(await inside('getent', 'ahosts', 'payments'), /^127\./)
  await t.rejects(inside('getent', 'ahostsv4', 'nobody.example'), { code: 2 })
})
