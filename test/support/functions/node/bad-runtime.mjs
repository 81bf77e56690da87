// A runtime that breaks the rules of the Runtime API; which one stands in the event.
import { spawn } from 'node:child_process'
import http from 'node:http'
import net from 'node:net'

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':')
const agent = new http.Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY })
const base = '/2018-06-01/runtime'

const wait = ms => new Promise(resolve => setTimeout(resolve, ms))
const forever = () => wait(3_600_000)

function ask(method, path, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host, port, agent, method, path: base + path, headers })
    request.on('error', reject)
    request.on('response', response => {
      const chunks = []
      response.on('data', chunk => chunks.push(chunk))
      response.on('end', () =>
        resolve({
          status: response.statusCode,
          headers: response.headers,
          body: Buffer.concat(chunks).toString(),
        }),
      )
    })
    request.end(body)
  })
}

const respond = (id, value) =>
  ask('POST', `/invocation/${id}/response`, JSON.stringify(value ?? null))

/** Sends bytes as they are; resolves with what came when the connection ends, or after a while. */
function raw(bytes, { destroyAfterMs } = {}) {
  return new Promise(resolve => {
    const socket = net.connect(port, host)
    let answer = ''
    socket.setEncoding('latin1')
    socket.on('data', text => (answer += text))
    socket.on('error', () => {})
    socket.on('close', () => resolve(answer))
    socket.on('end', () => socket.destroy())
    socket.write(bytes)
    if (destroyAfterMs !== undefined) setTimeout(() => socket.resetAndDestroy(), destroyAfterMs)
  })
}

const head = (id, lines) =>
  `POST ${base}/invocation/${id}/response HTTP/1.1\r\nHost: x\r\n${lines.join('\r\n')}\r\n\r\n`
const streaming = 'Lambda-Runtime-Function-Response-Mode: streaming'
const chunked = 'Transfer-Encoding: chunked'

/** Of answers that have come too late. */
const statuses = []

/** Each has to see to its own answer. */
const acts = {
  pid: id => respond(id, process.pid),
  statuses: id => respond(id, statuses),
  sleep: async (id, { ms }) => {
    await wait(ms)
    await respond(id, process.pid)
  },
  // Until the test lets it go on.
  wait: async (id, { port }) => {
    const socket = net.connect(port, host)
    socket.write(String(process.pid))
    await new Promise(resolve => socket.resume().on('end', resolve).on('error', resolve))
    socket.destroy()
    await respond(id, process.pid)
  },
  hang: forever,
  throw: id => ask('POST', `/invocation/${id}/error`, '{"errorType":"Odd","errorMessage":"no"}'),
  noDocument: id => ask('POST', `/invocation/${id}/error`, '\u0000 no json'),
  exit: (_id, { code }) => process.exit(code),
  twice: async id => {
    const answers = [await respond(id, 'first'), await respond(id, 'second')]
    const error = await ask('POST', `/invocation/${id}/error`, '{}')
    statuses.push(...[...answers, error].map(({ status }) => status))
  },
  both: id => Promise.all([respond(id, 'one'), respond(id, 'other')]),
  breakOff: id => raw(`${head(id, ['Content-Length: 1000'])}half of it`, { destroyAfterMs: 20 }),
  breakStream: id => raw(`${head(id, [streaming, chunked])}4\r\npart\r\n`, { destroyAfterMs: 50 }),
  badChunk: id => raw(`${head(id, [chunked])}zz\r\nno number\r\n`),
  twoLengths: id => raw(`${head(id, [chunked, 'Content-Length: 3'])}3\r\nabc\r\n0\r\n\r\n`),
  otherId: async id => {
    const other = await respond('6b1c6a3e-0000-4000-8000-000000000000', 'stolen')
    const strange = await respond('..%2f..%2finit', 'stolen')
    await respond(id, [other.status, strange.status])
  },
  garbage: async id => {
    const first = await raw(Buffer.from([0, 1, 2, 0xff, 0xfe, 13, 10, 13, 10]))
    const second = await raw('GET /nowhere HTTP/9.9\r\n\r\n')
    const tls = await raw(Buffer.from([0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0, 13, 10, 13, 10]))
    await respond(
      id,
      [first, second, tls].map(text => text.slice(0, 12)),
    )
  },
  // The second question is answered by the next event.
  twoQuestions: async id => {
    void serve()
    await wait(20)
    await respond(id, 'asked twice')
  },
  lateAnswer: async (id, { ms }) => {
    await wait(ms)
    const { status } = await respond(id, 'late')
    statuses.push(status)
  },
  // Answers, and is never heard of again.
  linger: async id => {
    await respond(id, process.pid)
    await forever()
  },
  // Neither answers nor does anything else, and yet wants the next.
  skip: () => {},
  fork: id => respond(id, { pid: process.pid, child: spawn('sleep', ['600']).pid }),
  leaveGroup: id => {
    const child = spawn('sh', ['-c', 'sleep 1; echo too late; sleep 1'], {
      detached: true,
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    return respond(id, { pid: process.pid, child: child.pid })
  },
  shout: id => {
    process.stderr.write('x'.repeat(1_000_000))
    return respond(id, 'shouted')
  },
  large: (id, { bytes }) => respond(id, 'x'.repeat(bytes)),
  endless: id =>
    new Promise(resolve => {
      const socket = net.connect(port, host)
      socket.on('error', resolve)
      socket.on('close', resolve)
      socket.write(head(id, [chunked]))
      const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`
      const fill = () => {
        while (socket.write(chunk));
      }
      socket.on('drain', fill)
      fill()
    }),
  // Says afterwards what came of it.
  stream: async (id, { megabytes }) => {
    const chunk = `100000\r\n${'x'.repeat(1_048_576)}\r\n`
    const answer = await raw(
      `${head(id, [streaming, chunked, 'Connection: close'])}${chunk.repeat(megabytes)}0\r\n\r\n`,
    )
    statuses.push(Number(answer.slice(9, 12)))
  },
}

if (process.env._HANDLER === 'garbage-first') await raw('\u0000\u0001\r\n\r\n')
if (process.env._HANDLER === 'answers-first') await respond('nobody', 1)

async function serve() {
  for (;;) {
    const { headers, body } = await ask('GET', '/invocation/next')
    const id = headers['lambda-runtime-aws-request-id']
    const event = JSON.parse(body)
    await (acts[event.action] ?? (() => respond(id, event)))(id, event)
  }
}

const loops = Number(process.env.AWS_LAMBDA_MAX_CONCURRENCY ?? 1)
await Promise.all(Array.from({ length: loops }, serve))
