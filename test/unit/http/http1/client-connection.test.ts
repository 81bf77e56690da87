import { createHash } from 'node:crypto'
import t from 'tap'
import { ExchangeError } from '../../../../src/base/errors.ts'
import { HeaderList } from '../../../../src/http/headers.ts'
import { unknownLength, type RequestHead } from '../../../../src/http/message.ts'
import { call } from './calling.ts'
import { settled, turn } from './wire.ts'

const answers = {
  'no body': 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  'a length': 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
  chunks:
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\nA: b\r\n\r\n',
  'a 1xx before it':
    'HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
}

for (const [name, bytes] of Object.entries(answers))
  t.test(`an answer with ${name} is the same wherever the bytes are cut`, async t => {
    await using client = await call()
    for (let cut = 1; cut < bytes.length; cut++) {
      const answer = client.request()
      await client.peer.untilHas('\r\n\r\n', cut)
      await client.peer.sendPieces([bytes.slice(0, cut), bytes.slice(cut)])
      await answer.over()
      if (answer.head?.status !== 200 || answer.body !== (name === 'no body' ? '' : 'hello'))
        t.fail(`cut at ${cut}: ${answer.error?.message}`)
      t.equal(answer.trailers?.get('a'), name === 'chunks' ? 'b' : undefined)
    }
    t.equal(client.connection.served, bytes.length - 1)
  })

t.test('an answer may come byte by byte', async t => {
  await using client = await call()
  const answer = client.request()
  await client.peer.sendPieces(Array.from(answers.chunks))
  await answer.over()
  t.equal(answer.body, 'hello')
  t.equal(answer.trailers?.get('a'), 'b')
})

t.test('names keep their spelling, fields their order, what is of the hop is dropped', async t => {
  await using client = await call()
  const answer = client.request()
  client.peer.send(
    'HTTP/1.1 200 Fine By Me\r\nX-B: 1\r\nset-cookie: a\r\nKeep-Alive: timeout=60\r\nX-Once: 1\r\nConnection: x-once\r\nSet-Cookie: b\r\nProxy-Authenticate: x\r\nContent-Length: 0\r\n\r\n',
  )
  await answer.over()
  t.equal(answer.head?.reason, 'Fine By Me')
  t.strictSame(answer.head?.headers.rawNames, ['X-B', 'set-cookie', 'Set-Cookie'])
  t.strictSame(answer.head?.headers.values, ['1', 'a', 'b'])
})

t.test('a status line may have no phrase', async t => {
  for (const line of ['HTTP/1.1 200', 'HTTP/1.1 200 ']) {
    await using client = await call()
    const answer = client.request()
    client.peer.send(`${line}\r\nContent-Length: 0\r\n\r\n`)
    await answer.over()
    t.equal(answer.head?.reason, '')
  }
})

t.test('a request is written as it was said', async t => {
  await using client = await call()
  const headers = new HeaderList()
  headers.append('X-B', '2')
  headers.append('x-a', '1')
  client.request({ method: 'POST', path: '/a?b', authority: 'orders:80', headers })
  t.equal(
    await client.peer.untilHas('\r\n\r\n'),
    'POST /a?b HTTP/1.1\r\nHost: orders:80\r\nX-B: 2\r\nx-a: 1\r\nContent-Length: 0\r\n\r\n',
  )
})

t.test('a body of unknown length is chunked and may have trailers', async t => {
  await using client = await call()
  const { stream } = client.request({ method: 'PUT', bodyLength: unknownLength }, false)
  stream.write(Buffer.from('hello'))
  stream.write(Buffer.alloc(0))
  stream.end(HeaderList.of({ 'X-Sum': '1', 'Content-Length': '9' }))
  stream.write(Buffer.from('late'))
  stream.end()
  t.equal(
    await client.peer.untilHas('\r\n\r\n', 2),
    'PUT / HTTP/1.1\r\nHost: orders\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n',
  )
})

t.test('a request head leaves although its body has not begun', async t => {
  await using client = await call()
  client.request({ method: 'PUT', bodyLength: unknownLength }, false)
  t.match(await client.peer.untilHas('\r\n\r\n'), /^PUT /)
})

for (const [name, body] of [
  ['longer', 'hello!'],
  ['shorter', 'hell'],
])
  t.test(`a body ${name} than announced breaks the request off`, async t => {
    await using client = await call()
    const answer = client.request({ method: 'PUT', bodyLength: 5 }, false)
    answer.stream.write(Buffer.from(body ?? ''))
    answer.stream.end()
    t.equal(answer.error?.code, 'bad_request')
    await client.closed()
    t.strictSame(client.told, ['retired', 'closed'])
    t.notMatch(await client.peer.all(), /hello/)
  })

// Reuse

t.test('one request at a time', async t => {
  await using client = await call()
  t.strictSame([client.connection.capacity, client.connection.active], [1, 0])
  const answer = client.request()
  t.strictSame([client.connection.capacity, client.connection.active], [0, 1])
  client.peer.send(answers['a length'])
  await answer.over()
  t.strictSame([client.connection.capacity, client.connection.active], [1, 0])
  t.equal(client.connection.served, 1)
  t.equal(client.connection.closed, false)
})

t.test('a receiver that paused at the end of an answer does not stop the next', async t => {
  await using client = await call()
  const first = client.request()
  client.peer.send(answers['a length'].slice(0, -1))
  await first.until(({ body }) => body === 'hell')
  first.onBody = function (chunk): void {
    this.body += chunk.toString('latin1')
    this.stream.pause()
  }
  client.peer.send('o')
  await first.over()
  first.stream.pause()
  const second = client.request()
  client.peer.send(answers['a length'])
  await second.over()
  t.equal(second.body, 'hello')
})

t.test('a connection is given up when it was idle, a second before the server does', async t => {
  const cases: Record<string, number> = {
    '': 4000,
    'Keep-Alive: timeout=60\r\n': 4000,
    'Keep-Alive: timeout=3, max=100\r\n': 2000,
    'Keep-Alive: max=100, Timeout=2\r\n': 1000,
    'Keep-Alive: timeout=1\r\n': 500,
    'Keep-Alive: nonsense\r\n': 4000,
  }
  for (const [field, idleMs] of Object.entries(cases)) {
    await using client = await call()
    const answer = client.request()
    client.clock.now = 10_000
    client.peer.send(`HTTP/1.1 200 OK\r\n${field}Content-Length: 0\r\n\r\n`)
    await answer.over()
    client.clock.now = 10_000 + idleMs - 1
    t.equal(client.connection.isStale(client.clock.now), false, field)
    client.connection.sweep(client.clock.now)
    t.notOk(client.told.includes('retired'))
    client.clock.now++
    t.equal(client.connection.isStale(client.clock.now), true, field)
    client.connection.sweep(client.clock.now)
    await client.closed()
    t.strictSame(client.told, ['capacity', 'retired', 'closed'])
    t.equal(await client.peer.ended(), 'fin')
  }
})

t.test('an exchange in which nothing moves is given up', async t => {
  await using client = await call({ limits: { idleTimeoutMs: 1000 } })
  const answer = client.request()
  await client.peer.untilHas('\r\n\r\n')
  client.connection.sweep(500)
  client.peer.send('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell')
  await answer.until(({ body }) => body === 'hell')
  client.connection.sweep(1400)
  client.connection.sweep(2400)
  t.equal(answer.error, undefined)
  client.connection.sweep(2401)
  await answer.over()
  t.equal(answer.error?.code, 'upstream_timeout')
  await client.closed()
  t.strictSame(client.told, ['retired', 'closed upstream_timeout'])
})

t.test('drain closes an idle connection at once, a busy one after its answer', async t => {
  await using idle = await call()
  idle.connection.drain()
  await idle.closed()
  t.strictSame(idle.told, ['retired', 'closed'])

  await using busy = await call()
  const answer = busy.request()
  busy.connection.drain()
  busy.peer.send(answers.chunks)
  await answer.over()
  t.equal(answer.body, 'hello')
  await busy.closed()
  t.strictSame(busy.told, ['retired', 'closed'])
})

t.test('an unfinished request does not keep a connection open that nobody reads', async t => {
  await using client = await call()
  const answer = client.request({ method: 'PUT', bodyLength: unknownLength }, false)
  await client.peer.untilHas('\r\n\r\n')
  client.peer.socket.pause()
  const chunk = Buffer.alloc(64 * 1024)
  while (answer.stream.write(chunk));
  client.peer.send(answers['a length'])
  await answer.over()
  t.equal(answer.body, 'hello')
  await client.closed()
  t.equal(client.connection.closed, true)
})

// Ends

t.test('FIN in place of an answer is upstream_closed, RST upstream_reset', async t => {
  for (const served of [0, 1]) {
    for (const [how, code] of [
      ['end', 'upstream_closed'],
      ['resetAndDestroy', 'upstream_reset'],
    ] as const) {
      await using client = await call()
      if (served > 0) {
        const first = client.request()
        client.peer.send(answers['a length'])
        await first.over()
      }
      const answer = client.request()
      await client.peer.untilHas('\r\n\r\n', served + 1)
      client.peer.socket[how]()
      await answer.over()
      t.equal(answer.error?.code, code)
      await client.closed()
      t.strictSame(client.told.slice(served), ['retired', `closed ${code}`])
      t.equal(client.connection.served, served)
    }
  }
})

const begun: Record<string, string> = {
  'within the head': 'HTTP/1.1 200 OK\r\nConte',
  'after one byte': 'H',
  'after 100 Continue': 'HTTP/1.1 100 Continue\r\n\r\n',
  'after the head': 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n',
  'within the body': 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell',
  'within chunks': answers.chunks.slice(0, -4),
}

for (const [name, bytes] of Object.entries(begun))
  t.test(`a connection lost ${name} never looks as if the request was not read`, async t => {
    for (const how of ['end', 'resetAndDestroy'] as const) {
      await using client = await call()
      const answer = client.request()
      await client.peer.untilHas('\r\n\r\n')
      client.peer.send(bytes)
      await settled(() => client.socket.bytesRead)
      t.equal(client.socket.bytesRead, bytes.length)
      client.peer.socket[how]()
      await answer.over()
      t.equal(answer.error?.code, 'upstream_closed')
      t.notOk(answer.complete)
      await client.closed()
      t.strictSame(client.told, ['retired', 'closed upstream_closed'])
    }
  })

t.test('an established connection that fails otherwise proves nothing either', async t => {
  for (const code of ['ETIMEDOUT', 'EHOSTUNREACH']) {
    await using client = await call()
    const answer = client.request({ method: 'POST' })
    client.socket.destroy(Object.assign(new Error('lost'), { code }))
    await answer.over()
    t.equal(answer.error?.code, 'upstream_closed')
  }
})

t.test('an idle connection that ends is no error', async t => {
  for (const how of ['end', 'resetAndDestroy'] as const) {
    await using client = await call()
    const answer = client.request()
    client.peer.send(answers['a length'])
    await answer.over()
    client.peer.socket[how]()
    await client.closed()
    t.strictSame(client.told, ['capacity', 'retired', 'closed'])
    t.equal(client.connection.capacity, 0)
    t.equal(client.connection.closed, true)
    t.equal(answer.error, undefined)
  }
})

t.test('a request that is given up costs the connection and is told nothing', async t => {
  await using client = await call()
  const answer = client.request()
  await client.peer.untilHas('\r\n\r\n')
  answer.stream.reset(new ExchangeError('downstream_closed', 'gone'))
  client.peer.send(answers['a length'])
  await client.closed()
  t.strictSame(client.told, ['retired', 'closed'])
  t.equal(answer.error, undefined)
  t.equal(answer.head, undefined)
  answer.stream.write(Buffer.from('late'))
  answer.stream.end()
  answer.stream.pause()
  answer.stream.resume()
  answer.stream.reset(new ExchangeError('downstream_closed', 'again'))
  await turn()
  t.equal(answer.error, undefined)
})

t.test('a receiver may give up within its own answer', async t => {
  await using client = await call()
  const answer = client.request()
  let pieces = 0
  answer.onBody = function (): void {
    pieces++
    this.stream.reset(new ExchangeError('downstream_closed', 'gone'))
  }
  client.peer.send(answers.chunks)
  await client.closed()
  t.equal(pieces, 1)
  t.notOk(answer.complete)
  t.equal(answer.error, undefined)
})

t.test('destroy gives its reason to the exchange in flight', async t => {
  for (const error of [undefined, new ExchangeError('connect_failed', 'removed')]) {
    await using client = await call()
    const answer = client.request()
    client.connection.destroy(error)
    await answer.over()
    t.equal(answer.error?.code, error?.code ?? 'upstream_closed')
  }
})

t.test('a receiver that throws does not pass for a fault of upstream', async t => {
  const bug = new TypeError('a bug')
  await using client = await call()
  const answer = client.request()
  answer.onHead = () => {
    throw bug
  }
  t.throws(() => client.connection.receive(Buffer.from(answers.chunks)), bug)
  t.equal(answer.error, undefined)
})

// Back-pressure

t.test('a paused answer is not read, and all of it comes once it is resumed', async t => {
  const size = 32 * 1024 * 1024
  await using client = await call()
  const answer = client.request()
  let bytes = 0
  answer.onHead = function (): void {
    this.stream.pause()
  }
  answer.onBody = chunk => {
    bytes += chunk.length
  }
  client.peer.send(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`)
  client.peer.send(Buffer.alloc(size))
  const early = await settled(() => bytes)
  t.ok(early <= 64 * 1024, `${early} bytes came`)
  answer.stream.resume()
  await answer.over()
  t.equal(bytes, size)
})

t.test('a slow server stops the sender, and lets it go on', async t => {
  await using client = await call()
  client.peer.socket.pause()
  const answer = client.request({ method: 'PUT', bodyLength: unknownLength }, false)
  const chunk = Buffer.alloc(16 * 1024, 'x')
  let written = 0
  for (let told = 0; ; told = answer.writable) {
    do written += chunk.length
    while (answer.stream.write(chunk))
    await settled(() => answer.writable)
    if (answer.writable === told) break
  }
  t.ok(written < 16 * 1024 * 1024, `${written} bytes`)
  t.ok(client.socket.writableLength < 256 * 1024, `${client.socket.writableLength} bytes are held`)
  const before = answer.writable
  client.peer.socket.resume()
  await answer.until(({ writable }) => writable > before)
  answer.stream.end()
  const received = await client.peer.untilHas('\r\n0\r\n\r\n')
  t.equal(received.split('x').length - 1, written)
})

t.test('what a request left behind does not tell the next one to write', async t => {
  await using client = await call()
  const size = 16 * 1024 * 1024
  const first = client.request({ method: 'PUT', bodyLength: size }, false)
  await client.peer.untilHas('\r\n\r\n')
  client.peer.socket.pause()
  first.stream.write(Buffer.alloc(size))
  first.stream.end()
  client.peer.send(answers['a length'])
  await first.over()
  const second = client.request()
  client.peer.socket.resume()
  await client.peer.untilHas('GET / HTTP/1.1')
  await settled(() => second.writable)
  t.equal(second.writable, 0)
})

// Upgrades

const switching =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n'

/** RFC 6455 §4.2.2. */
function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
}

/** The client's own wish, with its key. */
function webSocket(): Partial<RequestHead> {
  return { upgrade: 'websocket', headers: HeaderList.of({ 'sec-websocket-key': 'x' }) }
}

t.test('101 opens a tunnel, whose first bytes may come with it', async t => {
  await using client = await call()
  const answer = client.request({ path: '/chat', ...webSocket() }, false)
  answer.stream.write(Buffer.from('too early'))
  t.equal(
    await client.peer.untilHas('\r\n\r\n'),
    'GET /chat HTTP/1.1\r\nHost: orders\r\nsec-websocket-key: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  )
  client.peer.send(`${switching}\x81\x02hi`)
  await answer.until(({ body }) => body !== '')
  t.equal(answer.head?.status, 101)
  t.equal(answer.complete, false)
  t.equal(answer.body, '\x81\x02hi')
  answer.stream.write(Buffer.from('hello'))
  t.match(await client.peer.untilHas('hello'), /\r\n\r\nhello$/)
  t.strictSame([client.connection.capacity, client.connection.active], [0, 1])
})

t.test('both halves of a tunnel end on their own, and nothing is told after both', async t => {
  for (const peerFirst of [true, false]) {
    await using client = await call()
    const answer = client.request(webSocket(), false)
    client.peer.send(switching)
    await answer.until(({ head }) => head !== undefined)
    if (peerFirst) {
      client.peer.socket.end('last')
      await answer.over()
      t.equal(answer.body, 'last')
      answer.stream.write(Buffer.from('answer'))
      answer.stream.end()
      t.match(await client.peer.untilHas('answer'), /answer$/)
    } else {
      answer.stream.end()
      t.equal(await client.peer.ended(), 'fin')
      client.peer.socket.end('last')
      await answer.over()
      t.equal(answer.body, 'last')
    }
    await client.closed()
    t.equal(answer.error, undefined)
    t.strictSame(client.told, ['retired', 'closed'])
    t.equal(await client.peer.ended(), 'fin')
  }
})

t.test(
  'a WebSocket without a key gets one, and the proof that it was read is taken out',
  async t => {
    const keys: string[] = []
    for (const accept of [acceptOf, () => 'another']) {
      await using client = await call()
      const answer = client.request({ upgrade: 'websocket' }, false)
      const [, key = ''] =
        /sec-websocket-key: (.*)\r/.exec(await client.peer.untilHas('\r\n\r\n')) ?? []
      t.equal(Buffer.from(key, 'base64').length, 16)
      keys.push(key)
      client.peer.send(
        switching.replace('\r\n\r\n', `\r\nSec-WebSocket-Accept: ${accept(key)}\r\n\r\n`),
      )
      await answer.until(({ head, error }) => head !== undefined || error !== undefined)
      t.equal(
        answer.head?.headers.has('sec-websocket-accept'),
        accept === acceptOf ? false : undefined,
      )
      t.equal(answer.error?.code, accept === acceptOf ? undefined : 'upstream_protocol')
    }
    t.not(keys[0], keys[1])
  },
)

t.test('a tunnel that is given up is reset', async t => {
  await using client = await call()
  const answer = client.request(webSocket(), false)
  client.peer.send(switching)
  await answer.until(({ head }) => head !== undefined)
  answer.stream.reset(new ExchangeError('downstream_closed', 'gone'))
  t.equal(await client.peer.ended(), 'reset')
})

t.test('a reset tunnel is told', async t => {
  await using client = await call()
  const answer = client.request(webSocket(), false)
  client.peer.send(switching)
  await answer.until(({ head }) => head !== undefined)
  client.peer.socket.resetAndDestroy()
  await answer.over()
  t.equal(answer.error?.code, 'upstream_closed')
})

t.test(
  'B7: an answer other than 101 opens nothing, and the connection is not used again',
  async t => {
    for (const status of ['200 OK', '403 Forbidden']) {
      await using client = await call()
      const answer = client.request(webSocket(), false)
      await client.peer.untilHas('\r\n\r\n')
      client.peer.send(`HTTP/1.1 ${status}\r\nContent-Length: 5\r\n\r\nhello`)
      await answer.over()
      t.equal(answer.body, 'hello')
      answer.stream.write(Buffer.from('frame'))
      await client.closed()
      t.strictSame(client.told, ['retired', 'closed'])
      t.notMatch(await client.peer.all(), /frame/)
    }
  },
)

t.test('B7: a 101 to another protocol is a fault', async t => {
  for (const lines of ['Upgrade: h2c', 'Upgrade: websocket, h2c', 'X-A: b']) {
    await using client = await call()
    const answer = client.request(webSocket(), false)
    client.peer.send(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n${lines}\r\n\r\n`)
    await answer.over()
    t.equal(answer.error?.code, 'upstream_protocol')
    t.equal(answer.head, undefined)
  }
})
