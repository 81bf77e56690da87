import { InvalidArgumentError } from 'commander'
import t from 'tap'
import {
  addLabel,
  parseAddress,
  parseHttpUrl,
  parsePeriod,
  parsePort,
} from '../../../src/cli/option-values.ts'

t.test('a port is a number up to 65535, and 0 only where the system may choose', async t => {
  t.equal(parsePort(1)('65535'), 65_535)
  t.equal(parsePort(0)('0'), 0)
  for (const text of ['0', '65536', '-1', '1.5', '1e3', '0x10', ' 80', ''])
    t.throws(() => parsePort(1)(text), new InvalidArgumentError('Expected a port, 1 to 65535.'))
})

t.test('an address may leave its host out, and brackets an IPv6 one', async t => {
  const parse = parseAddress('0.0.0.0')
  t.same(parse('15012'), { host: '0.0.0.0', port: 15012 })
  t.same(parse('localhost:0'), { host: 'localhost', port: 0 })
  t.same(parse('[::1]:15012'), { host: '::1', port: 15012 })
  for (const text of ['', 'localhost', 'localhost:', ':80', '::1', '::1:80', '[::1]', 'a:b:80'])
    t.throws(() => parse(text), new InvalidArgumentError('Expected [host:]port.'), text)
  t.throws(() => parse('localhost:65536'), { message: 'Expected a port, 0 to 65535.' })
})

t.test('a duration is longer than nothing', async t => {
  t.equal(parsePeriod('1m30s'), 90_000)
  for (const text of ['0s', '30', 'soon'])
    t.throws(() => parsePeriod(text), InvalidArgumentError, text)
})

t.test('an address of the control plane is an HTTP URL', async t => {
  t.equal(parseHttpUrl('https://mesh.example:15014').host, 'mesh.example:15014')
  for (const text of ['localhost:15014', '127.0.0.1', 'file:///etc', ''])
    t.throws(() => parseHttpUrl(text), InvalidArgumentError, text)
})

t.test('labels add up, the last of a name counts, and a value may hold anything', async t => {
  t.same(addLabel('app=orders'), { app: 'orders' })
  t.same(addLabel('app=b', { app: 'a', zone: 'x' }), { app: 'b', zone: 'x' })
  t.same(addLabel('query=a=b'), { query: 'a=b' })
  t.same(addLabel('empty='), { empty: '' })
  for (const text of ['app', '=orders', ''])
    t.throws(() => addLabel(text), InvalidArgumentError, text)
})
