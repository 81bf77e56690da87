import { once } from 'node:events'
import net from 'node:net'

/** As cheap as a client of HTTP/1.1 can be, so that it adds little to what it measures. */
export class RawClient {
  readonly #port: number
  readonly #request: Buffer
  readonly #idle: net.Socket[] = []
  readonly #all: net.Socket[] = []

  /** @param request whole, with head and body. */
  constructor(port: number, request: string) {
    this.#port = port
    this.#request = Buffer.from(request)
  }

  /** @throws Error for any answer but a 200. */
  async call(): Promise<void> {
    const socket = this.#idle.pop() ?? (await this.#connect())
    socket.write(this.#request)
    await new Promise<undefined>((resolve, reject) => {
      let text = ''
      const take = (chunk: Buffer): void => {
        text += chunk.latin1Slice(0, chunk.length)
        if (!isWhole(text)) return
        socket.off('data', take)
        socket.off('close', broken)
        if (!text.startsWith('HTTP/1.1 200')) return reject(new Error(text.slice(0, 500)))
        this.#idle.push(socket)
        resolve(undefined)
      }
      const broken = (): void => reject(new Error(`closed in the middle: ${text.slice(0, 200)}`))
      socket.on('data', take)
      socket.once('close', broken)
    })
  }

  close(): void {
    for (const socket of this.#all) socket.destroy()
  }

  async #connect(): Promise<net.Socket> {
    const socket = net.connect({ host: '127.0.0.1', port: this.#port, noDelay: true })
    this.#all.push(socket)
    await once(socket, 'connect')
    socket.on('error', () => {})
    return socket
  }
}

function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return false
  const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, end + 2))?.[1]
  return text.length >= end + 4 + Number(length ?? 0)
}
