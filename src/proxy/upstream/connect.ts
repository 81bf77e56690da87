import type { Socket } from 'node:net'
import { ExchangeError } from '../../base/errors.ts'
import { toExchangeError } from '../../http/node-error.ts'

/**
 * Resolves when `event` came; rejects with an ExchangeError on failure or after `timeoutMs`.
 * @param where address of the peer, for the message.
 */
export function established(
  socket: Socket,
  event: 'connect' | 'secureConnect',
  where: string,
  timeoutMs: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      socket.destroy()
      reject(new ExchangeError('connect_timeout', `${where} took no connection in ${timeoutMs} ms`))
    }, timeoutMs)
    const onError = (error: Error): void => {
      clearTimeout(timer)
      reject(asConnectError(error, where))
    }
    // Stays for the life of the socket: an error between two owners must not end the process.
    socket.on('error', onError)
    socket.once(event, () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

/** Nothing of the request was sent yet, so a reset is as good as a refusal. */
function asConnectError(error: Error, where: string): ExchangeError {
  const failure = toExchangeError(error, 'upstream', where)
  if (failure.code !== 'upstream_reset') return failure
  return new ExchangeError('connect_failed', failure.message, error)
}
