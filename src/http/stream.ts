import type { ExchangeError } from '../base/errors.ts'
import type { HeaderList } from './headers.ts'
import type { SocketAddress } from '../model/bootstrap.ts'
import type { RequestHead, ResponseHead } from './message.ts'

/**
 * One direction's sending half. A chunk is lent for the call: who holds on to it calls `keep` of read-buffer.ts.
 * After `end` or `reset` every call is ignored.
 */
interface OutgoingBody {
  /** @returns false when the high-water mark is passed: stop until `onWritable`. */
  write(chunk: Buffer): boolean
  end(trailers?: HeaderList): void
}

/** What a codec tells about a message's body. Callbacks come synchronously from the socket's read. */
interface IncomingBody {
  onBody(chunk: Buffer): void
  /** The message is complete. Not called when its head said that nothing follows. */
  onEnd(trailers: HeaderList | undefined): void
  /** The exchange is dead in both directions; nothing further is called. */
  onReset(error: ExchangeError): void
  /** The outgoing half fell below its low-water mark after `write` returned false. */
  onWritable(): void
}

/** What every stream is told of the connection that carries it. */
export interface ConnectionInfo {
  readonly remoteAddress: string
  /** SPIFFE ID of the verified peer certificate of this connection; undefined without mTLS. */
  readonly peerIdentity: string | undefined
  /** Where it was going when it was redirected to us. */
  readonly originalDestination?: SocketAddress | undefined
}

/**
 * A request in flight, seen by its server: the handler answers through it. Whatever happens, exactly one of
 * these ends it: `end` (or a head with `end` true) with the request fully read, or `reset` by either side.
 */
export interface ServerStream extends OutgoingBody {
  readonly request: RequestHead
  readonly connection: ConnectionInfo
  /** Set by the handler before it returns; receives the request's body. */
  receiver: RequestReceiver
  /** Sends a 1xx other than 101. */
  sendInformational(head: ResponseHead): void
  /**
   * Sends the head; `end`: no body follows (HEAD, 204, 304 and empty answers say so too).
   * 101 turns both halves into a tunnel of raw bytes.
   * `end` before the request body was read makes the codec drain or close, never reuse with unread bytes.
   */
  sendHead(head: ResponseHead, end: boolean): void
  /** Kills the exchange: RST_STREAM, or the socket where HTTP/1 leaves no other way. */
  reset(error: ExchangeError): void
  /** Stops reading the request body (bounded bytes may still arrive). */
  pause(): void
  resume(): void
}

export type RequestReceiver = IncomingBody

/** Called by a server connection for each request head. Must set `stream.receiver` synchronously. */
export type RequestHandler = (stream: ServerStream) => void

/** A request in flight, seen by its client. */
export interface ClientStream extends OutgoingBody {
  /** Gives the exchange up: RST_STREAM(CANCEL), or the socket. The receiver hears nothing more. */
  reset(error: ExchangeError): void
  /** Stops reading the response body. */
  pause(): void
  resume(): void
}

export interface ResponseReceiver extends IncomingBody {
  /** 1xx other than 101, any number before the head. */
  onInformational(head: ResponseHead): void
  /** `end`: nothing follows and `onEnd` is not called. A 101 is followed by the tunnel's bytes. */
  onHead(head: ResponseHead, end: boolean): void
}

/** A connection to an upstream that can carry requests. Owned by a pool. */
export interface ClientConnection {
  /** How many requests may be in flight now: 0 or 1 for HTTP/1, the peer's limit less the open ones for HTTP/2. */
  readonly capacity: number
  /** Requests in flight. */
  readonly active: number
  /** Ended requests so far. */
  readonly served: number
  /** Carries many requests at once, so that its loss says nothing of whether the peer has seen one of them. */
  readonly multiplexed: boolean
  readonly closed: boolean
  /** Idle for so long at `now`, monotonic ms, that the peer may be closing it just then. */
  isStale(now: number): boolean
  /**
   * Starts a request. `end`: no body follows. Errors come through `receiver.onReset`, never as exceptions,
   * never before this call returned.
   */
  request(head: RequestHead, receiver: ResponseReceiver, end: boolean): ClientStream
  /** Takes no further request, finishes those in flight, closes. */
  drain(): void
  destroy(error?: ExchangeError): void
  /** Called by the pool about once a second with monotonic milliseconds: enforce idle limits. */
  sweep(now: number): void
}

/** What a client connection tells its pool. */
export interface ClientConnectionEvents {
  /** Room came free, or the peer's limit grew. */
  onCapacity(connection: ClientConnection): void
  /** No further request fits, ever: GOAWAY, `Connection: close`, end or error. In-flight ones may go on. */
  onRetired(connection: ClientConnection): void
  /** The socket is gone. */
  onClosed(connection: ClientConnection, error: ExchangeError | undefined): void
}

/** A connection from a downstream, for drain and for the listener's sweep of timeouts. */
export interface ServerConnection {
  readonly active: number
  /** Finishes what is in flight, says so to the peer (GOAWAY, `Connection: close`), then closes. */
  drain(): void
  destroy(): void
  /** Called by the listener about once a second with monotonic milliseconds: enforce the timeouts. */
  sweep(now: number): void
}
