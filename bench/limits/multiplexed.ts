// The least that Node needs for a pair that carries HTTP/1.1 over HTTP/2 frames on one mTLS connection: no flow
// control, no HPACK tables, no error handling, no limits. A yardstick to measure against, not to build from.
import { connect, createServer, type Socket } from 'node:net'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import { serverName } from '../setting/server-name.ts'
import { limitArguments, limitTls } from './arguments.ts'
import {
  type FlatHeaders,
  type Frame,
  FrameReader,
  FrameType,
  FrameWriter,
  readHeaders,
} from './frames.ts'

const { role, port, upstreamPort } = limitArguments
const headEnd = Buffer.from('\r\n\r\n')
const addedHeader = 'x-request-id: 0123456789\r\n'
const smallBodyBytes = 4096

interface Message {
  readonly headers: FlatHeaders
  readonly contentLength: number
  readonly body: Buffer
}

/** Appends the header lines of a head to `headers`, which hold the pseudo-headers of its start line. */
function parseMessage(chunk: Buffer, pseudoHeaders: (startLine: string) => FlatHeaders): Message {
  const at = chunk.indexOf(headEnd)
  const text = chunk.latin1Slice(0, at)
  let lineEnd = text.indexOf('\r\n')
  const headers = pseudoHeaders(lineEnd < 0 ? text : text.slice(0, lineEnd))
  let contentLength = 0
  while (lineEnd >= 0) {
    const start = lineEnd + 2
    lineEnd = text.indexOf('\r\n', start)
    const end = lineEnd < 0 ? text.length : lineEnd
    const colon = text.indexOf(':', start)
    const name = text.slice(start, colon).toLowerCase()
    let valueStart = colon + 1
    while (text.charCodeAt(valueStart) === 32) valueStart++
    const value = text.slice(valueStart, end)
    switch (name) {
      case 'connection':
      case 'keep-alive':
      case 'te':
      case 'upgrade':
      case 'transfer-encoding':
        break
      case 'host':
        headers.push(':authority', value)
        break
      case 'content-length':
        contentLength = Number(value)
        headers.push(name, value)
        break
      default:
        headers.push(name, value)
    }
  }
  return { headers, contentLength, body: chunk.subarray(at + 4) }
}

function requestPseudoHeaders(startLine: string): FlatHeaders {
  const first = startLine.indexOf(' ')
  const last = startLine.lastIndexOf(' ')
  const path = startLine.slice(first + 1, last)
  return [':method', startLine.slice(0, first), ':path', path, ':scheme', 'http']
}

function responsePseudoHeaders(startLine: string): FlatHeaders {
  return [':status', startLine.slice(9, 12)]
}

interface Downstream {
  readonly socket: Socket
  /** Held back until its body's first bytes, to go out with them in one write. */
  responseHead: string
}

function startOutbound(): void {
  const tls = { ...limitTls(), servername: serverName }
  const peer = connectTls({ ...tls, host: '127.0.0.1', port: upstreamPort })
  peer.setNoDelay(true)
  const writer = new FrameWriter(peer)
  const streams = new Map<number, Downstream>()
  let nextStream = 1

  const reader = new FrameReader(frame => {
    const downstream = streams.get(frame.stream)!
    if (frame.type === FrameType.headers) {
      downstream.responseHead = responseHead(readHeaders(frame))
      if (frame.last) writeBody(downstream, Buffer.alloc(0))
    } else {
      writeBody(downstream, frame.buffer.subarray(frame.start, frame.end))
    }
    if (frame.last) streams.delete(frame.stream)
  })
  peer.on('data', chunk => reader.read(chunk))

  createServer(socket => {
    socket.setNoDelay(true)
    // A client that goes away takes its connection along; nothing else depends on it here.
    socket.on('error', () => {})
    const downstream: Downstream = { socket, responseHead: '' }
    let stream = 0
    let bodyLeft = 0
    socket.on('data', chunk => {
      if (bodyLeft > 0) {
        bodyLeft -= chunk.length
        writer.writeData(stream, chunk, bodyLeft === 0)
        return
      }
      const { headers, contentLength, body } = parseMessage(chunk, requestPseudoHeaders)
      stream = nextStream
      nextStream += 2
      streams.set(stream, downstream)
      bodyLeft = contentLength - body.length
      writer.writeHeaders(stream, headers, contentLength === 0)
      if (body.length > 0) writer.writeData(stream, body, bodyLeft === 0)
    })
  }).listen({ port, host: '127.0.0.1', backlog: 4096 })
}

function responseHead(headers: FlatHeaders): string {
  let head = 'HTTP/1.1 ' + headers[1]! + ' OK\r\n'
  for (let index = 2; index < headers.length; index += 2) {
    head += headers[index]! + ': ' + headers[index + 1]! + '\r\n'
  }
  return head + '\r\n'
}

function writeBody(downstream: Downstream, body: Buffer): void {
  const { socket, responseHead: head } = downstream
  downstream.responseHead = ''
  if (head === '') {
    socket.write(body)
  } else if (body.length < smallBodyBytes) {
    socket.write(head + body.latin1Slice(0, body.length), 'latin1')
  } else {
    socket.cork()
    socket.write(head, 'latin1')
    socket.write(body)
    socket.uncork()
  }
}

const idle: Application[] = []

/** A connection to the application; answers one stream at a time. */
class Application {
  readonly socket = connect(upstreamPort, '127.0.0.1')
  writer!: FrameWriter
  stream = 0
  #bodyLeft = 0
  #inBody = false

  constructor() {
    this.socket.setNoDelay(true)
    this.socket.on('data', chunk => this.#read(chunk))
    // A lost application costs its requests: the client's own limit ends them.
    this.socket.on('error', () => {})
  }

  #read(chunk: Buffer): void {
    const { writer, stream } = this
    if (this.#inBody) {
      this.#bodyLeft -= chunk.length
      writer.writeData(stream, chunk, this.#bodyLeft === 0)
    } else {
      const { headers, contentLength, body } = parseMessage(chunk, responsePseudoHeaders)
      this.#bodyLeft = contentLength - body.length
      writer.writeHeaders(stream, headers, contentLength === 0)
      if (body.length > 0) writer.writeData(stream, body, this.#bodyLeft === 0)
    }
    this.#inBody = this.#bodyLeft > 0
    if (!this.#inBody) idle.push(this)
  }
}

function acceptPeer(peer: Socket): void {
  peer.setNoDelay(true)
  peer.on('error', () => {})
  const writer = new FrameWriter(peer)
  /** Only of requests whose body is still coming. */
  const sending = new Map<number, Application>()
  const reader = new FrameReader(frame => {
    if (frame.type === FrameType.headers) {
      const application = idle.pop() ?? new Application()
      application.writer = writer
      application.stream = frame.stream
      application.socket.write(requestHead(frame), 'latin1')
      if (!frame.last) sending.set(frame.stream, application)
      return
    }
    sending.get(frame.stream)!.socket.write(frame.buffer.subarray(frame.start, frame.end))
    if (frame.last) sending.delete(frame.stream)
  })
  peer.on('data', chunk => reader.read(chunk))
}

function requestHead(frame: Frame): string {
  const headers = readHeaders(frame)
  let head = headers[1]! + ' ' + headers[3]! + ' HTTP/1.1\r\n'
  for (let index = 6; index < headers.length; index += 2) {
    const name = headers[index]!
    head += (name === ':authority' ? 'host' : name) + ': ' + headers[index + 1]! + '\r\n'
  }
  return head + addedHeader + '\r\n'
}

if (role === 'outbound') startOutbound()
else createTlsServer({ ...limitTls(), requestCert: true }, acceptPeer).listen(port, '127.0.0.1')
