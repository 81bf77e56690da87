import t from 'tap'
import { HeaderList } from '../../../../src/http/headers.ts'
import { BodyWriter } from '../../../../src/http/http1/body-writer.ts'
import type { Output } from '../../../../src/http/http1/output.ts'

/** What a body becomes, and whether its writer may go on. */
function writer(framing: ConstructorParameters<typeof BodyWriter>[1], length = 0, writable = true) {
  const written = { text: '', flushed: 0 }
  const output = {
    text: (text: string) => void (written.text += text),
    chunk(chunk: Buffer) {
      written.text += chunk.toString('latin1')
      return writable
    },
    flush: () => void written.flushed++,
  }
  const body = new BodyWriter(output as unknown as Output, framing, length, 'upstream_protocol')
  return { body, written }
}

const hello = Buffer.from('hello')

t.test('each framing has its own wire', async t => {
  const wires = {
    none: '',
    length: 'hellohello',
    chunked: '5\r\nhello\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n',
    'until-close': 'hellohello',
    tunnel: 'hellohello',
  } as const
  for (const framing of Object.keys(wires) as (keyof typeof wires)[]) {
    const { body, written } = writer(framing, 10)
    body.write(hello)
    body.write(Buffer.alloc(0))
    body.write(hello)
    t.equal(written.flushed, 0)
    body.end(HeaderList.of({ 'X-Sum': '1' }))
    t.strictSame(written, { text: wires[framing], flushed: 1 })
  }
})

t.test('a full output stops the writer whatever the framing', async t => {
  for (const framing of ['length', 'chunked', 'until-close', 'tunnel'] as const) {
    t.equal(writer(framing, 5, false).body.write(hello), false)
    t.equal(writer(framing, 5, true).body.write(hello), true)
  }
})

t.test('not a byte goes beyond the length, and the end not before it', async t => {
  const { body, written } = writer('length', 9)
  body.write(hello)
  t.throws(() => body.end(undefined), { code: 'upstream_protocol' })
  t.throws(() => body.write(hello), { code: 'upstream_protocol' })
  t.equal(written.text, 'hello')
})
