// One question to one resolver, on a socket of its own: a port that nobody can guess (RFC 5452 §9.2).
import { createSocket } from 'node:dgram'
import { connect, isIPv6 } from 'node:net'
import type { SocketAddress } from '../../model/bootstrap.ts'
import { frame, MessageFraming } from './message-framing.ts'

export type Transport = 'udp' | 'tcp'

export interface UpstreamQuestion {
  readonly message: Buffer
  readonly resolver: SocketAddress
  /** Whether it answers this question. Others are passed over: they may be forged. */
  readonly accepts: (answer: Buffer) => boolean
  /** Ends the wait. */
  readonly signal: AbortSignal
}

const maxMessageBytes = 65_535

/** @throws Error when the resolver cannot be reached, hangs up, or the wait is ended. */
export function askUpstream(transport: Transport, question: UpstreamQuestion): Promise<Buffer> {
  return transport === 'udp' ? askByUdp(question) : askByTcp(question)
}

function askByUdp({ message, resolver, accepts, signal }: UpstreamQuestion): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = createSocket({ type: isIPv6(resolver.host) ? 'udp6' : 'udp4', signal })
    let open = true
    const finish = (): void => {
      if (open) socket.close()
      open = false
    }
    socket.on('error', error => {
      reject(error)
      finish()
    })
    socket.once('close', () => {
      open = false
      reject(new Error(`no answer from ${resolver.host}:${resolver.port}`))
    })
    socket.on('message', answer => {
      if (!accepts(answer)) return
      resolve(answer)
      finish()
    })
    // The kernel of a connected socket drops what comes from others, and reports that nobody listens there.
    socket.connect(resolver.port, resolver.host, () => {
      if (open) socket.send(message)
    })
  })
}

function askByTcp({ message, resolver, accepts, signal }: UpstreamQuestion): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...resolver, noDelay: true, signal })
    const framing = new MessageFraming(maxMessageBytes)
    socket.on('error', reject)
    socket.once('close', () =>
      reject(new Error(`${resolver.host}:${resolver.port} hung up without an answer`)),
    )
    socket.on('data', chunk => {
      framing.push(chunk)
      for (let answer = framing.take(); answer !== undefined; answer = framing.take())
        if (accepts(answer)) {
          resolve(answer)
          socket.destroy()
          return
        }
      if (framing.broken) socket.destroy()
    })
    socket.write(frame(message))
  })
}
