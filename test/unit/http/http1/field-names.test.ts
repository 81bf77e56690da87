import t from 'tap'
import { fieldName, fieldRole, isToken } from '../../../../src/http/http1/field-names.ts'

t.test('a name is known in lower case and by its role, whatever its spelling', async t => {
  for (const [spelling, name, role] of [
    ['X-A', 'x-a', fieldRole.plain],
    ['Content-LENGTH', 'content-length', fieldRole.contentLength],
    ['transfer-Encoding', 'transfer-encoding', fieldRole.transferEncoding],
    ['Connection', 'connection', fieldRole.connection],
    ['HOST', 'host', fieldRole.host],
    ['Upgrade', 'upgrade', fieldRole.upgrade],
    ['Expect', 'expect', fieldRole.expect],
    ['TE', 'te', fieldRole.te],
    ['Keep-Alive', 'keep-alive', fieldRole.keepAlive],
    ['HTTP2-Settings', 'http2-settings', fieldRole.hopByHop],
    ['Proxy-Connection', 'proxy-connection', fieldRole.hopByHop],
    ['Proxy-Anything', 'proxy-anything', fieldRole.hopByHop],
    ['__proto__', '__proto__', fieldRole.plain],
    ['constructor', 'constructor', fieldRole.plain],
  ] as const)
    t.strictSame(fieldName(spelling), { name, role })
})

t.test('what is no token is no name', async t => {
  for (const text of ['', ' ', 'a b', 'a:', 'a\t', 'a\r', 'a\n', 'a\0', '\xe9', 'a"', '(a)', 'a/b'])
    t.strictSame([fieldName(text), isToken(text)], [undefined, false], JSON.stringify(text))
  t.equal(isToken("!#$%&'*+-.^_`|~09azAZ"), true)
})

t.test('made-up names neither pile up nor keep others from being remembered', async t => {
  for (let i = 0; i < 5000; i++) fieldName(`X-Made-Up-${i}`)
  const entry = fieldName('X-Real')
  t.equal(fieldName('X-Real'), entry)
  t.not(fieldName('X-Made-Up-0'), undefined)
  const long = `X-${'a'.repeat(100)}`
  t.not(fieldName(long), fieldName(long))
})
