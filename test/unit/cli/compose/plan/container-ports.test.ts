import t from 'tap'
import { servicePorts } from '../../../../../src/cli/compose/plan/container-ports.ts'

function portsOf(service: object, labels: Record<string, string> = {}): string | undefined {
  const found = servicePorts(service as Record<string, unknown>, labels)
  const ports = found?.ports.map(({ port, target }) => `${port.text}>${target.text}`).join(' ')
  return found && `${ports} ${found.protocol ?? '-'}`
}

const cases: readonly [string, object, string | undefined][] = [
  ['a number', { ports: [3000] }, '3000>3000 -'],
  ['host and container', { ports: ['8080:80'] }, '80>80 -'],
  ['an address of the host', { ports: ['127.0.0.1:8080:80', '[::1]:8081:81'] }, '80>80 81>81 -'],
  ['tcp by name', { ports: ['80:80/tcp'] }, '80>80 -'],
  ['the long form', { ports: [{ target: 80, published: '8080' }] }, '80>80 -'],
  ['a range', { ports: ['9090-9091:8080-8081'] }, '8080>8080 8081>8081 -'],
  ['a variable of the host', { ports: ['${PORT:-8080}:80'] }, '80>80 -'],
  ['a variable of the container', { ports: ['1:${P:-80}'] }, '${P:-80}>${P:-80} -'],
  ['expose, and twice', { expose: ['80', 81], ports: ['1:80'] }, '80>80 81>81 -'],
  ['an image that is known', { image: 'docker.io/library/postgres:16@sha256:ab' }, '5432>5432 tcp'],
  ['a known port of any image', { image: 'my/db', expose: ['3306'] }, '3306>3306 tcp'],
  ['UDP alone', { ports: ['53:53/udp', { target: 54, protocol: 'udp' }] }, undefined],
  ['what is no port', { ports: ['a:b', {}, '99999999'], expose: 'x' }, undefined],
  ['an unknown image', { image: 'redis-commander' }, undefined],
]
for (const [name, service, expected] of cases)
  t.test(`ports: ${name}`, async t => {
    t.equal(portsOf(service), expected)
  })

t.test('labels count before all else', async t => {
  const service = { image: 'postgres', ports: [1] }
  t.equal(portsOf(service, { 'weft.port': '80:8080, 9090' }), '80>8080 9090>9090 tcp')
  t.equal(portsOf(service, { 'weft.port': 'none' }), ' -')
  t.equal(portsOf(service, { 'weft.protocol': 'http' }), '1>1 http')
})
