import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { monotonicNow, wallNow } from '../../../../src/base/clock.ts'
import type { HttpParts } from '../../../../src/functions/cloud/backend.ts'
import type { FunctionFault } from '../../../../src/functions/fault.ts'
import type { AssignedServer, Execution, Invocation } from '../../../../src/functions/invocation.ts'
import { httpPreludeType, preludeHead } from '../../../../src/functions/payload/http-result.ts'
import { HttpRuntime } from '../../../../src/functions/runtime/http-runtime.ts'
import { RuntimeSession } from '../../../../src/functions/runtime/runtime-session.ts'
import { maxPayloadBytes, maxStreamedBytes } from '../../../../src/model/function/function.ts'
import { eventually } from '../../../support/mesh.ts'

const host = '127.0.0.1'

interface Told {
  readonly events: string[]
  readonly ended: Promise<
    FunctionFault | { readonly result: string; readonly type: string } | undefined
  >
  readonly execution: Execution
  readonly body: () => Buffer
}

interface SetUp {
  readonly concurrency?: number
  readonly port?: number
  readonly timeoutMs?: number
  /** Listens from the start. */
  readonly program?: http.RequestListener
}

async function setUp(t: Test, { concurrency = 1, port, timeoutMs = 10_000, program }: SetUp = {}) {
  const ready = Promise.withResolvers<void>()
  const session = new RuntimeSession(
    { concurrency, timeoutMs },
    {
      onReady: () => ready.resolve(),
      onRoom: () => {},
      onInitError: () => {},
      onDone: () => {},
      onTimeout: () => {},
      onSilence: () => {},
    },
    { now: monotonicNow, wallNow },
  )
  const runtime = await HttpRuntime.open(session, { concurrency, port })
  const servers: http.Server[] = []
  t.teardown(() => {
    runtime.close()
    session.end(() => fault)
    for (const server of servers) {
      server.closeAllConnections()
      server.close()
    }
  })
  const listen = async (listener: http.RequestListener): Promise<http.Server> => {
    const server = http.createServer(listener).listen(runtime.port, host)
    servers.push(server)
    await once(server, 'listening')
    return server
  }
  let count = 0
  const dispatch = (changes: Partial<Invocation> = {}, takes = () => true): Told => {
    const ended = Promise.withResolvers<Awaited<Told['ended']>>()
    const events: string[] = []
    const chunks: Buffer[] = []
    const invocation: Invocation = {
      id: `e${++count}`,
      payload: Buffer.from('{"n":1}'),
      functionArn: 'arn',
      traceId: undefined,
      clientContext: undefined,
      deadlineAt: Number.POSITIVE_INFINITY,
      receiver: {
        onResult: (result, type) => ended.resolve({ result: result.toString(), type }),
        onFault: ended.resolve,
        onStreamHead: type => events.push(`head ${type}`),
        onStreamChunk: chunk => {
          chunks.push(Buffer.from(chunk))
          return takes()
        },
        onStreamEnd: ended.resolve,
      },
      ...changes,
    }
    const execution = session.dispatch(invocation)
    return { events, ended: ended.promise, execution, body: () => Buffer.concat(chunks) }
  }
  const room = (): Promise<boolean> => eventually(() => session.hasRoom, Boolean)
  const server = program === undefined ? undefined : await listen(program)
  if (program !== undefined) await room()
  return { session, runtime, listen, dispatch, room, ready: ready.promise, server }
}

const fault: FunctionFault = {
  stage: 'ended',
  errorType: 'Ended',
  message: '',
  document: Buffer.alloc(0),
}

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
}

function parts(changes: Partial<HttpParts> = {}): HttpParts {
  return { method: 'GET', path: '/', query: '', headers: [], body: Buffer.alloc(0), ...changes }
}

t.test('a program that comes late is ready when it takes connections', async t => {
  const { session, listen, ready, dispatch } = await setUp(t)
  await turns()
  t.equal(session.ready, false)
  await listen((_, response) => response.end('here'))
  await ready
  t.match(await dispatch().ended, { result: 'here' })
})

t.test('one that never comes is waited for until the runtime is closed', async t => {
  const { session, runtime, listen } = await setUp(t)
  await turns()
  runtime.close()
  const server = await listen((_, response) => response.end())
  server.on('connection', () => t.fail('nobody looks any more'))
  await turns()
  t.equal(session.ready, false)
})

t.test('a program listens where it is told to, or where it wants to', async t => {
  const probe = net.createServer().listen(0, host)
  await once(probe, 'listening')
  const { port } = probe.address() as net.AddressInfo
  probe.close()
  await once(probe, 'close')
  const { runtime, dispatch } = await setUp(t, {
    port,
    program: (_, response) => response.end('1'),
  })
  t.equal(runtime.port, port)
  t.match(await dispatch().ended, { result: '1' })
  const other = await setUp(t)
  t.not(other.runtime.port, port)
  t.ok(other.runtime.port > 0)
})

t.test('an event is posted, and what comes is its result', async t => {
  const { dispatch, room } = await setUp(t, {
    program: (request, response) => {
      const { method, url, headers } = request
      response.setHeader('content-type', 'application/x-answer')
      void text(request).then(body =>
        response.end(JSON.stringify({ method, url, type: headers['content-type'], body })),
      )
    },
  })
  const first = await dispatch().ended
  t.match(first, { type: 'application/x-answer' })
  t.strictSame(JSON.parse((first as { result: string }).result), {
    method: 'POST',
    url: '/',
    type: 'application/json',
    body: '{"n":1}',
  })
  await room()
  const second = await dispatch({ contentType: 'application/cloudevents+json' }).ended
  t.match(JSON.parse((second as { result: string }).result), {
    type: 'application/cloudevents+json',
  })
})

t.test('an answer without a type, or without anything, is a result too', async t => {
  const { dispatch } = await setUp(t, { program: (_, response) => response.writeHead(204).end() })
  t.strictSame(await dispatch().ended, { result: '', type: 'application/octet-stream' })
})

t.test('any other status than 2xx is the function’s failure', async t => {
  const expected = [500, 404, 302]
  const statuses = [...expected]
  const { dispatch, room } = await setUp(t, {
    program: (_, response) =>
      response.writeHead(statuses.shift() ?? 0, { location: '/x' }).end('y'.repeat(5000)),
  })
  for (const status of expected) {
    await room()
    const told = (await dispatch().ended) as FunctionFault
    t.match(told, { stage: 'handler', errorType: 'Function.BadStatus' })
    t.match(told.message, `answered ${status}: yyy`)
    t.ok(told.message.length < 1100)
  }
})

t.test('what is too large is no result, and the next event is taken', async t => {
  const sizes = [maxPayloadBytes, maxPayloadBytes + 1, 1]
  const { dispatch, room } = await setUp(t, {
    program: (_, response) => response.end(Buffer.alloc(sizes.shift() ?? 0, 'x')),
  })
  const whole = (await dispatch().ended) as { result: string }
  t.equal(whole.result.length, maxPayloadBytes)
  await room()
  t.match(await dispatch().ended, {
    stage: 'too-large',
    errorType: 'Function.ResponseSizeTooLarge',
    message: `Response payload size exceeded maximum allowed payload size (${maxPayloadBytes} bytes).`,
  })
  await room()
  t.match(await dispatch().ended, { result: 'x' })
})

t.test('an answer without end is cut off', async t => {
  const closed = Promise.withResolvers<number>()
  const { dispatch, room } = await setUp(t, {
    program: (_, response) => {
      let sent = 0
      const chunk = Buffer.alloc(256 * 1024)
      const more = (): void => {
        while (!response.destroyed) {
          sent += chunk.length
          if (!response.write(chunk)) return
        }
      }
      response.on('drain', more)
      response.on('close', () => closed.resolve(sent))
      more()
    },
  })
  t.match(await dispatch().ended, { stage: 'too-large' })
  t.ok((await closed.promise) < 2 * maxStreamedBytes)
  await room()
})

t.test('a program that breaks off has failed, at whatever point', async t => {
  const ways: ((response: http.ServerResponse) => void)[] = [
    response => response.socket?.destroy(),
    response => response.socket?.resetAndDestroy(),
    response => void response.socket?.end('garbage\r\n\r\n'),
    response => {
      response.writeHead(200, { 'content-length': 10 }).write('half')
      setImmediate(() => response.socket?.destroy())
    },
    response => {
      response.writeHead(200).write('half')
      setImmediate(() => response.socket?.destroy())
    },
  ]
  const count = ways.length
  const { dispatch, room } = await setUp(t, { program: (_, response) => ways.shift()?.(response) })
  for (let way = 0; way < count; way++) {
    await room()
    const told = await dispatch().ended
    t.match(told, { stage: 'exit', errorType: 'Runtime.TruncatedResponse' }, `${way}`)
    t.match((told as FunctionFault).message, /^the program broke off: /)
  }
})

t.test('a program that dies gets no further event, unless it comes back', async t => {
  const { session, server, listen, dispatch, room } = await setUp(t, {
    program: (_, response) => {
      server?.close()
      response.socket?.destroy()
    },
  })
  t.match(await dispatch().ended, { stage: 'exit' })
  await turns()
  t.equal(session.hasRoom, false)
  await listen((_, response) => response.end('back'))
  await room()
  t.match(await dispatch().ended, { result: 'back' })
})

t.test('so does one that dies amid a stream', async t => {
  const { session, server, dispatch } = await setUp(t, {
    program: (_, response) => {
      response.write('half')
      server?.close()
      setImmediate(() => response.socket?.destroy())
    },
  })
  const { ended, execution } = dispatch({ http: parts() })
  t.match(await ended, { stage: 'exit', errorType: 'Runtime.TruncatedResponse' })
  t.equal(execution.failed, true)
  await turns()
  t.equal(session.hasRoom, false)
})

t.test('a request by HTTP goes as it came, but for what concerned its connection', async t => {
  const { dispatch } = await setUp(t, {
    program: (request, response) => {
      const { method, url, rawHeaders } = request
      void text(request).then(body =>
        response.end(JSON.stringify({ method, url, rawHeaders, body })),
      )
    },
  })
  const { ended, body, events } = dispatch({
    http: parts({
      method: 'PUT',
      path: '/a%2Fb',
      query: 'x=1&x=2',
      headers: [
        ['x-many', '1'],
        ['x-many', '2'],
        ['host', 'echo.fn.mesh'],
        ['connection', 'x-own'],
        ['transfer-encoding', 'chunked'],
        ['content-length', '99'],
        ['expect', '100-continue'],
        ['te', 'trailers'],
        ['upgrade', 'h2c'],
      ],
      body: Buffer.from('body'),
    }),
  })
  t.equal(await ended, undefined)
  t.strictSame(events, [`head ${httpPreludeType}`])
  const seen = JSON.parse(
    body()
      .subarray(body().indexOf(Buffer.alloc(8)) + 8)
      .toString(),
  ) as {
    rawHeaders: string[]
  }
  t.match(seen, { method: 'PUT', url: '/a%2Fb?x=1&x=2', body: 'body' })
  const names = seen.rawHeaders
    .filter((_, index) => index % 2 === 0)
    .map(name => name.toLowerCase())
  t.strictSame(names.toSorted(), ['connection', 'content-length', 'host', 'x-many', 'x-many'])
  t.notMatch(seen.rawHeaders.join('\n'), /x-own|h2c|trailers|echo/)
})

t.test('a header that can’t be sent fails its own call only', async t => {
  const { dispatch, room } = await setUp(t, { program: (_, response) => response.end('1') })
  t.match(await dispatch({ http: parts({ headers: [['x-bad', 'a\nb']] }) }).ended, {
    stage: 'exit',
  })
  await room()
  t.match(await dispatch().ended, { result: '1' })
})

t.test('the answer to it goes as it comes, with its head before', async t => {
  const goOn = Promise.withResolvers<void>()
  const { dispatch, room } = await setUp(t, {
    program: (_, response) => {
      response.writeHead(418, { 'x-own': '1', 'set-cookie': ['a=1', 'b=2'] })
      response.write('one ')
      void goOn.promise.then(() => response.end('two'))
    },
  })
  const { ended, body } = dispatch({ http: parts() })
  await eventually(body, bytes => bytes.includes('one '))
  t.notMatch(body().toString('latin1'), 'two')
  goOn.resolve()
  t.equal(await ended, undefined)
  const end = body().indexOf(Buffer.alloc(8))
  const head = preludeHead(body().subarray(0, end))
  t.equal(head?.status, 418)
  const named = head?.headers.filter(([name]) => name === 'x-own' || name === 'set-cookie')
  t.strictSame(named, [
    ['x-own', '1'],
    ['set-cookie', 'a=1'],
    ['set-cookie', 'b=2'],
  ])
  t.notMatch(head?.headers, [[/^(?:connection|transfer-encoding|keep-alive)$/]])
  t.equal(
    body()
      .subarray(end + 8)
      .toString(),
    'one two',
  )
  await room()
})

t.test('a slow caller holds the program back', async t => {
  let sent = 0
  const stopped = Promise.withResolvers<void>()
  const { dispatch } = await setUp(t, {
    program: (_, response) => {
      const chunk = Buffer.alloc(64 * 1024)
      const more = (): void => {
        while (sent < maxStreamedBytes && !response.destroyed) {
          sent += chunk.length
          if (!response.write(chunk)) return
        }
        response.end()
      }
      response.on('drain', more)
      more()
      setTimeout(stopped.resolve, 50)
    },
  })
  let room = false
  const { execution, ended, body } = dispatch({ http: parts() }, () => room)
  await stopped.promise
  t.ok(sent < maxStreamedBytes, `${sent}`)
  t.ok(body().length < 1024 * 1024, `${body().length}`)
  room = true
  execution.resume()
  t.equal(await ended, undefined)
  t.ok(body().length > maxStreamedBytes)
})

t.test('it takes as many at once as it is said to', async t => {
  const held: http.ServerResponse[] = []
  const { session, dispatch, server, room } = await setUp(t, {
    concurrency: 3,
    program: (_, response) => void held.push(response),
  })
  const first = [dispatch(), dispatch(), dispatch()]
  t.equal(session.hasRoom, false)
  await eventually(
    () => held.length,
    length => length === 3,
  )
  held.shift()?.end('1')
  await room()
  const last = dispatch()
  await eventually(
    () => held.length,
    length => length === 3,
  )
  for (const response of held) response.end('2')
  t.match(
    (await Promise.all([...first, last].map(({ ended }) => ended))).map(told => told),
    [{ result: /[12]/ }, { result: /[12]/ }, { result: /[12]/ }, { result: '2' }],
  )
  const open = await new Promise(resolve => server?.getConnections((_, count) => resolve(count)))
  t.ok((open as number) <= 6, 'connections serve again')
})

t.test('many events take one connection', async t => {
  let connections = 0
  const { dispatch, room, server } = await setUp(t, {
    program: (_, response) => response.end('1'),
  })
  server?.on('connection', () => connections++)
  for (let count = 0; count < 50; count++) {
    await room()
    await dispatch().ended
  }
  t.equal(connections, 1)
})

t.test('who has a request of its own is given the program, until that is over', async t => {
  const { session, runtime, dispatch, room } = await setUp(t, {
    program: (_, response) => response.end('1'),
  })
  const servers: AssignedServer[] = []
  const receiver = {
    onServer: (server: AssignedServer) => servers.push(server),
    onResult: () => {},
    onFault: () => {},
    onStreamHead: () => {},
    onStreamChunk: () => true,
    onStreamEnd: () => {},
  }
  dispatch({ receiver })
  t.match(servers, [{ host, port: runtime.port }])
  t.equal(session.hasRoom, false)
  t.equal(session.active, 1)
  servers[0]?.done(false)
  t.equal(session.active, 0)
  t.equal(session.hasRoom, true)
  await room()
  t.match(await dispatch().ended, { result: '1' })
})

t.test('a program that broke off gets no further request, unless it takes connections', async t => {
  const { session, dispatch, server, listen, room } = await setUp(t, {
    program: (_, response) => response.end('1'),
  })
  const assigned = Promise.withResolvers<AssignedServer>()
  const receiver = {
    onServer: assigned.resolve,
    onResult: () => {},
    onFault: () => {},
    onStreamHead: () => {},
    onStreamChunk: () => true,
    onStreamEnd: () => {},
  }
  dispatch({ receiver })
  server?.close()
  const given = await assigned.promise
  given.done(true)
  await turns()
  t.equal(session.hasRoom, false)
  await listen((_, response) => response.end('back'))
  await room()
  t.match(await dispatch().ended, { result: 'back' })
})

t.test('one that took too long is told nothing more, and its program is used again', async t => {
  const goOn = Promise.withResolvers<void>()
  const { dispatch, room } = await setUp(t, {
    timeoutMs: 20,
    program: (_, response) => void goOn.promise.then(() => response.end('late')),
  })
  const { ended } = dispatch()
  t.match(await ended, { stage: 'timeout' })
  goOn.resolve()
  await room()
  t.match(await dispatch().ended, { result: 'late' })
})

t.test('to close ends what is under way, and its connection', async t => {
  const arrived = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<void>()
  const { session, runtime, dispatch } = await setUp(t, {
    program: (_, response) => {
      response.on('close', closed.resolve)
      arrived.resolve()
    },
  })
  const { ended } = dispatch()
  await arrived.promise
  runtime.close()
  t.match(await ended, { stage: 'exit' })
  await closed.promise
  await turns()
  t.equal(session.hasRoom, false)
})
