// `weft init` in the network namespace of a container, where Docker has rules of its own for its resolver.
import { execFileSync, spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import t from 'tap'

const main = resolve(import.meta.dirname, '../../src/main.ts')

function obstacle(): string | false {
  if (process.getuid?.() !== 0) return 'needs root for network namespaces'
  const tools = ['unshare', 'setpriv', 'ip', 'iptables', 'iptables-save']
  const missing = tools.filter(tool => spawnSync('which', [tool]).status !== 0)
  return missing.length > 0 && `needs ${missing.join(', ')} (Debian: iproute2, iptables)`
}

/** As libnetwork makes them (resolver_unix.go), with a port that it chose. */
const rulesOfDocker = `ip link set lo up
iptables -t nat -N DOCKER_OUTPUT
iptables -t nat -A OUTPUT -d 127.0.0.11 -j DOCKER_OUTPUT
iptables -t nat -A DOCKER_OUTPUT -d 127.0.0.11 -p tcp --dport 53 -j DNAT --to-destination 127.0.0.11:40001
iptables -t nat -A DOCKER_OUTPUT -d 127.0.0.11 -p udp --dport 53 -j DNAT --to-destination 127.0.0.11:40000`

const save = 'iptables-save -t nat | grep ^-A'
const init = `"$NODE" "$MAIN" init --uid 1337 --dns`

function inside(script: string): string {
  const options = ['--net', 'bash', '-euc', `${rulesOfDocker}\n${script}`]
  const env = { ...process.env, NODE: process.execPath, MAIN: main }
  return execFileSync('unshare', options, { env, encoding: 'utf8' })
}

t.test(
  'names are asked of the sidecar, and by the sidecar of the resolver of Docker',
  { skip: obstacle() },
  async t => {
    const program = `const dgram = require('node:dgram')
      const answering = (name, port, host, then) => {
        const socket = dgram.createSocket('udp4', (query, from) => socket.send(name, from.port, from.address))
        socket.bind(port, host, then)
        socket.unref()
      }
      const ask = () => {
        const socket = dgram.createSocket('udp4', answer => { console.log(String(answer)); socket.close() })
        socket.send('who?', 53, '127.0.0.11')
      }
      answering('sidecar', 15053, '127.0.0.1', () => answering('docker', 40000, '127.0.0.11', ask))`
    const asked = (as: string): string => `setpriv ${as} "$NODE" -e "${program}"`
    const printed = inside(
      [init, asked('--reuid 1000 --clear-groups'), asked('--reuid 1337 --clear-groups')].join('\n'),
    )
    t.strictSame(printed.trim().split('\n'), ['sidecar', 'docker'])
  },
)

t.test(
  'a second time changes nothing, and undo leaves what Docker had',
  { skip: obstacle() },
  t => {
    const mark = 'echo next'
    const [before, once, twice, after] = inside(
      [save, mark, init, save, mark, init, save, mark, `${init} --undo`, save].join('\n'),
    ).split('next\n')
    t.match(once, /-j WEFT_OUTPUT[^]*-j DOCKER_OUTPUT/)
    t.match(once, /-j WEFT_DNS[^]*-j DOCKER_OUTPUT/)
    t.equal(twice, once)
    t.equal(after, before)
    t.end()
  },
)
