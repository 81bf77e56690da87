import http from 'node:http'

/** Connections of one program to a sidecar. */
export interface Client {
  /** @returns the status; 0 when no answer came. */
  ask(port: number, headers?: http.OutgoingHttpHeaders): Promise<Answer>
  close(): void
}

interface Answer {
  readonly status: number
  /** Why Weft answered in the application's place. */
  readonly reason: string | undefined
}

export function createClient(): Client {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 2000 })
  return {
    ask: (port, headers = {}) =>
      new Promise(resolve => {
        const failed = (): void => resolve({ status: 0, reason: undefined })
        const request = http.get({ host: '127.0.0.1', port, headers, agent }, response => {
          response.resume()
          response.once('error', failed)
          response.once('end', () => {
            const reason = response.headers['x-weft-reason'] as string | undefined
            resolve({ status: response.statusCode ?? 0, reason })
          })
        })
        request.once('error', failed)
      }),
    close: () => agent.destroy(),
  }
}
