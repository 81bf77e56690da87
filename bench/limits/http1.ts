// The least that Node needs to forward HTTP/1.1: heads parsed and written anew, bodies passed on, connections
// kept. No error handling, no limits, no back-pressure: a yardstick to measure against, not to build from.
import { connect, createServer, type Socket } from 'node:net'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import { serverName } from '../setting/server-name.ts'
import { limitArguments, limitTls } from './arguments.ts'

const { role, port, upstreamPort } = limitArguments
const headEnd = Buffer.from('\r\n\r\n')
const addedHeader = 'x-request-id: 0123456789abcdef\r\n'
const smallBodyBytes = 4096

interface Head {
  readonly startLine: string
  /** Lines to pass on, each with its line end. */
  readonly headers: string
  readonly contentLength: number
}

function parseHead(text: string): Head {
  let lineEnd = text.indexOf('\r\n')
  const startLine = lineEnd < 0 ? text : text.slice(0, lineEnd)
  let headers = ''
  let contentLength = 0
  while (lineEnd >= 0) {
    const start = lineEnd + 2
    lineEnd = text.indexOf('\r\n', start)
    const end = lineEnd < 0 ? text.length : lineEnd
    const colon = text.indexOf(':', start)
    if (colon < 0 || colon > end) throw new Error('header line without a colon')
    switch (text.slice(start, colon).toLowerCase()) {
      case 'connection':
      case 'keep-alive':
      case 'proxy-connection':
      case 'te':
      case 'upgrade':
        break
      case 'content-length':
        contentLength = Number(text.slice(colon + 1, end))
        headers += text.slice(start, end) + '\r\n'
        break
      default:
        headers += text.slice(start, end) + '\r\n'
    }
  }
  return { startLine, headers, contentLength }
}

function findHeadEnd(chunk: Buffer): number {
  const at = chunk.indexOf(headEnd)
  if (at < 0) throw new Error('head split over two reads')
  return at
}

/** Writes a head and what of its body lies in `chunk` behind `bodyStart`. */
function writeMessage(socket: Socket, head: string, chunk: Buffer, bodyStart: number): void {
  if (chunk.length - bodyStart < smallBodyBytes) {
    socket.write(head + chunk.latin1Slice(bodyStart, chunk.length), 'latin1')
    return
  }
  socket.cork()
  socket.write(head, 'latin1')
  socket.write(chunk.subarray(bodyStart))
  socket.uncork()
}

const idle: Upstream[] = []

class Upstream {
  readonly socket: Socket
  downstream: Socket | undefined
  #bodyLeft = 0
  #inBody = false

  constructor() {
    this.socket = dial()
    this.socket.setNoDelay(true)
    this.socket.on('data', chunk => this.#read(chunk))
    // The close that follows says all.
    this.socket.on('error', () => {})
    this.socket.on('close', () => {
      this.downstream?.destroy()
      const at = idle.indexOf(this)
      if (at >= 0) idle.splice(at, 1)
    })
  }

  #read(chunk: Buffer): void {
    const { downstream } = this
    if (downstream === undefined) return
    if (this.#inBody) {
      this.#bodyLeft -= chunk.length
      downstream.write(chunk)
    } else {
      const at = findHeadEnd(chunk)
      const { startLine, headers, contentLength } = parseHead(chunk.latin1Slice(0, at))
      const bodyStart = at + headEnd.length
      writeMessage(downstream, startLine + '\r\n' + headers + '\r\n', chunk, bodyStart)
      this.#bodyLeft = contentLength - (chunk.length - bodyStart)
    }
    this.#inBody = this.#bodyLeft > 0
    if (this.#inBody) return
    this.downstream = undefined
    idle.push(this)
  }
}

class Downstream {
  readonly #socket: Socket
  #upstream: Upstream | undefined
  #bodyLeft = 0

  constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', chunk => this.#read(chunk))
    // A client that goes away takes its connection along; nothing else depends on it here.
    socket.on('error', () => {})
  }

  #read(chunk: Buffer): void {
    if (this.#bodyLeft > 0) {
      this.#bodyLeft -= chunk.length
      this.#upstream?.socket.write(chunk)
      return
    }
    const at = findHeadEnd(chunk)
    const { startLine, headers, contentLength } = parseHead(chunk.latin1Slice(0, at))
    const bodyStart = at + headEnd.length
    this.#bodyLeft = contentLength - (chunk.length - bodyStart)
    const upstream = idle.pop() ?? new Upstream()
    this.#upstream = upstream
    upstream.downstream = this.#socket
    const head = startLine + '\r\n' + headers + addedHeader + '\r\n'
    writeMessage(upstream.socket, head, chunk, bodyStart)
  }
}

function dial(): Socket {
  if (role !== 'outbound') return connect(upstreamPort, '127.0.0.1')
  return connectTls({
    ...limitTls(),
    host: '127.0.0.1',
    port: upstreamPort,
    servername: serverName,
  })
}

const server =
  role === 'inbound'
    ? createTlsServer({ ...limitTls(), requestCert: true }, socket => new Downstream(socket))
    : createServer(socket => new Downstream(socket))
server.listen({ port, host: '127.0.0.1', backlog: 4096 })
