// Transparent mode in two network namespaces of the test's own: an application that knows nothing of Weft, with its
// sidecar, and a machine beyond the mesh.
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { eventually } from '../support/mesh.ts'
import { testFolder } from '../support/test-folder.ts'

const main = resolve(import.meta.dirname, '../../src/main.ts')
const application = `require('node:http').createServer((request, response) =>
  response.end(process.env.NAME + ' ' + request.url + ' ' + (request.headers['x-request-id'] ? 'meshed' : 'plain'))
).listen(process.env.PORT, '127.0.0.1')`
const outside = `
const { createServer } = require('node:net')
require('node:http').createServer((request, response) => response.end('outside ' + request.url)).listen(8080, '::')
createServer(socket => socket.end('220 welcome')).listen(2525, '::')
// Knows beyond.example and nothing else.
const resolver = require('node:dgram').createSocket('udp4', (query, { port, address }) => {
  const end = query.indexOf(0, 12) + 5
  const known = query.toString('latin1', 12, end).startsWith('\\x06beyond\\x07example\\0')
  const isA = known && query[end - 3] === 1
  const answer = Buffer.from(isA ? [192, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 9, 0, 2] : [])
  const flags = [0x81, known ? 0x80 : 0x83]
  const head = Buffer.from([query[0], query[1], ...flags, 0, 1, 0, isA ? 1 : 0, 0, 0, 0, 0])
  resolver.send(Buffer.concat([head, query.subarray(12, end), answer]), port, address)
}).bind(53, '10.9.0.2')
console.log('ready')`

const mesh = `
apiVersion: v1
kind: Service
metadata: { name: orders }
spec: { selector: { app: orders }, clusterIP: 10.96.0.7, ports: [{ port: 80, targetPort: 4040 }] }
---
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: { name: shell, labels: { app: shell } }
spec:
  ports: [{ port: 4030 }]
  sidecar: { transparent: true, dns: true }
  run: { command: [node, -e, ${JSON.stringify(application)}], environment: { NAME: shell } }
---
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: { name: orders, labels: { app: orders } }
spec:
  ports: [{ port: 4040 }]
  run: { command: [node, -e, ${JSON.stringify(application)}], environment: { NAME: orders } }
`

function obstacle(): string | false {
  if (process.getuid?.() !== 0) return 'needs root for network namespaces'
  const tools = ['ip', 'iptables', 'setpriv', 'curl']
  const missing = tools.filter(tool => spawnSync('which', [tool]).status !== 0)
  return missing.length > 0 && `needs ${missing.join(', ')} (Debian: iproute2, iptables, curl)`
}

const inside = `weft-in-${process.pid}`
const beyond = `weft-out-${process.pid}`

/** Two namespaces with a wire between them. */
function connectNamespaces(t: Test): void {
  const script = `
    ip netns add ${inside}
    ip netns add ${beyond}
    ip link add v0 netns ${inside} type veth peer name v1 netns ${beyond}
    for end in "${inside} v0 1" "${beyond} v1 2"; do
      set -- $end
      ip -n $1 link set lo up
      ip -n $1 addr add 10.9.0.$3/24 dev $2
      ip -n $1 addr add fd09::$3/64 dev $2 nodad
      ip -n $1 link set $2 up
    done
    ip -n ${inside} route add default via 10.9.0.2`
  t.teardown(() => {
    for (const name of [inside, beyond]) spawnSync('ip', ['netns', 'delete', name])
  })
  execFileSync('bash', ['-euc', script])
}

async function start(
  t: Test,
  namespace: string,
  command: readonly string[],
): Promise<ChildProcess> {
  const child = spawn('ip', ['netns', 'exec', namespace, ...command], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(async () => {
    if (child.exitCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    await exited
  })
  await once(child.stdout, 'data')
  return child
}

/** As a user whose traffic is captured. */
function asUser(namespace: string, ...command: string[]): string {
  const user = ['setpriv', '--reuid', '65534', '--clear-groups']
  const options = ['netns', 'exec', namespace, ...user, ...command]
  return spawnSync('ip', options, { encoding: 'utf8', timeout: 10_000 }).stdout
}

function fetchAs(namespace: string, ...options: string[]): string {
  return asUser(namespace, 'curl', '--silent', '--max-time', '5', '--noproxy', '*', ...options)
}

/** The resolver that programs of the namespace find; a file of one's own for `ip netns exec`. */
function writeResolvConf(t: Test): void {
  const folder = `/etc/netns/${inside}`
  t.teardown(() => rmSync(folder, { recursive: true }))
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'resolv.conf'), 'nameserver 10.9.0.2\nsearch default.svc\n')
}

async function startCaptured(t: Test): Promise<void> {
  const folder = testFolder(t, { 'mesh.yaml': mesh })
  const state = join(folder, 'state')
  mkdirSync(state)
  writeFileSync(join(folder, 'outside.cjs'), outside)
  connectNamespaces(t)
  writeResolvConf(t)
  await start(t, beyond, [process.execPath, join(folder, 'outside.cjs')])
  const up = [process.execPath, main, 'up', join(folder, 'mesh.yaml'), '--state-directory', state]
  await start(t, inside, up)
  const init = [process.execPath, main, 'init', '--uid', '0', '--dns']
  execFileSync('ip', ['netns', 'exec', inside, ...init])
}

t.test(
  'an application that knows nothing of Weft is in the mesh',
  { skip: obstacle() },
  async t => {
    await startCaptured(t)
    await eventually(
      () => fetchAs(inside, 'http://10.99.0.1/by-host', '-H', 'Host: orders'),
      answer => answer === 'orders /by-host meshed',
    )
    t.equal(
      fetchAs(inside, 'http://10.96.0.7/by-address', '-H', 'Host: unknown'),
      'orders /by-address meshed',
      'the address that a cluster gave to the Service',
    )
    t.equal(fetchAs(inside, 'http://10.9.0.2:8080/a'), 'outside /a')
    t.equal(fetchAs(inside, 'http://[fd09::2]:8080/b'), 'outside /b')
    const greeting = 'exec 3<>/dev/tcp/10.9.0.2/2525 && cat <&3'
    t.equal(asUser(inside, 'bash', '-c', greeting), '220 welcome', 'a server that speaks first')

    const incoming = fetchAs(beyond, 'http://10.9.0.1:4030/c')
    t.match(incoming, 'shell /c', 'what comes in reaches an application that listens on loopback')
    const names = ['orders', 'orders.default', 'orders.default.svc.cluster.local']
    for (const name of names)
      t.equal(fetchAs(inside, `http://${name}/by-name`), 'orders /by-name meshed', name)
    t.equal(
      fetchAs(inside, 'http://beyond.example:8080/d'),
      'outside /d',
      'other names are asked of the resolver that the application meant',
    )

    const url = 'http://127.0.0.1:15000/metrics'
    const metrics = ['netns', 'exec', inside, 'curl', '-s', url]
    const { stdout } = spawnSync('ip', metrics, { encoding: 'utf8' })
    t.match(
      stdout,
      /weft_requests_total\{direction="outbound",cluster="passthrough",code_class="2xx",reason=""\} 4/,
    )
    t.match(
      stdout,
      /weft_requests_total\{direction="inbound",cluster="local:4030",code_class="2xx",reason=""\} 1/,
    )
  },
)
