/** With the headers of its records; what is longer is not looked at further. Key shares of post-quantum groups make some 2 KiB; servers bound it so. */
const maxHelloBytes = 16 * 1024

const handshakeRecord = 22
const clientHelloMessage = 1
const serverNameExtension = 0
const hostNameType = 0
const recordHeaderBytes = 5
const messageHeaderBytes = 4
const randomBytes = 32

/** A ClientHello, whole. */
export interface ClientHello {
  /** In lower case; undefined when it names none, or none that is a host name (RFC 6066 §3). */
  readonly serverName: string | undefined
}

/** Reads on while there are bytes; afterwards {@link ended} and zeros. */
class Cursor {
  readonly #bytes: Buffer
  readonly #end: number
  #at: number
  /** More was asked for than there is. */
  ended = false

  constructor(bytes: Buffer, start = 0, end: number = bytes.length) {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
  }

  get left(): number {
    return this.#end - this.#at
  }

  number(bytes: number): number {
    const at = this.#take(bytes)
    return at < 0 ? 0 : this.#bytes.readUIntBE(at, bytes)
  }

  skip(bytes: number): void {
    this.#take(bytes)
  }

  /** A vector with its length before it (RFC 8446 §3.4). */
  vector(lengthBytes: number): Cursor {
    const length = this.number(lengthBytes)
    const at = this.#take(length)
    return at < 0 ? new Cursor(this.#bytes, 0, 0) : new Cursor(this.#bytes, at, at + length)
  }

  text(): string {
    const at = this.#at
    this.#at = this.#end
    return this.#bytes.latin1Slice(at, this.#end)
  }

  #take(bytes: number): number {
    const at = this.#at
    if (bytes > this.left) {
      this.ended = true
      this.#at = this.#end
      return -1
    }
    this.#at += bytes
    return at
  }
}

/**
 * The ClientHello with which a connection begins (RFC 8446 §4.1.2, the same since SSL 3), in any number of records.
 * @returns undefined for what is none; `incomplete` when more bytes are needed.
 */
export function readClientHello(bytes: Buffer): ClientHello | 'incomplete' | undefined {
  const message = gatherMessage(bytes)
  if (!Buffer.isBuffer(message)) return message
  const hello = new Cursor(message, messageHeaderBytes)
  hello.skip(2 + randomBytes)
  hello.vector(1)
  hello.vector(2)
  hello.vector(1)
  if (hello.ended) return undefined
  // A hello of SSL 3 or TLS 1.0 may end here.
  if (hello.left === 0) return { serverName: undefined }
  const extensions = hello.vector(2)
  return hello.ended ? undefined : { serverName: findServerName(extensions) }
}

/** The handshake message out of its records. */
function gatherMessage(bytes: Buffer): Buffer | 'incomplete' | undefined {
  const { content, ended } = readRecords(bytes)
  const [type = clientHelloMessage] = content
  if (type !== clientHelloMessage) return undefined
  const length = content.length < messageHeaderBytes ? 0 : content.readUIntBE(1, 3)
  const wanted = messageHeaderBytes + length
  if (wanted > maxHelloBytes) return undefined
  if (content.length >= wanted) return content.subarray(0, wanted)
  return ended || bytes.length >= maxHelloBytes ? undefined : 'incomplete'
}

/** What records of a handshake carry, as far as they came; `ended` where another kind follows. */
function readRecords(bytes: Buffer): { content: Buffer; ended: boolean } {
  const pieces: Buffer[] = []
  let ended = false
  for (let at = 0; at < bytes.length && !ended;) {
    const header = bytes.subarray(at, at + recordHeaderBytes)
    at += recordHeaderBytes
    const length = header.length < recordHeaderBytes ? undefined : header.readUInt16BE(3)
    ended = !beginsRecord(header) || length === 0
    if (ended || length === undefined) break
    pieces.push(bytes.subarray(at, at + length))
    at += length
  }
  return { content: Buffer.concat(pieces), ended }
}

/** As far as it can be seen; nothing is the beginning of anything. */
function beginsRecord(record: Buffer): boolean {
  const [type = handshakeRecord, major = 3] = record
  return type === handshakeRecord && major === 3
}

function findServerName(extensions: Cursor): string | undefined {
  while (extensions.left > 0) {
    const type = extensions.number(2)
    const extension = extensions.vector(2)
    if (type !== serverNameExtension) continue
    const names = extension.vector(2)
    while (names.left > 0) {
      const nameType = names.number(1)
      const name = names.vector(2).text().toLowerCase()
      if (nameType === hostNameType) return isHostName(name) ? name : undefined
    }
  }
  return undefined
}

function isHostName(name: string): boolean {
  return name.length <= 253 && /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/.test(name)
}
