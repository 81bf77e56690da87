import http from 'node:http'

export interface Answer {
  readonly status: number
  readonly body: string
}

const timeoutMs = 20_000

/** A request to a published port, on a connection of its own; status 0 where no answer came. */
export function ask(
  port: number,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  return new Promise(resolve => {
    const failed = (error: Error): void => resolve({ status: 0, body: error.message })
    const options = { host: '127.0.0.1', port, path, headers, agent: false, timeout: timeoutMs }
    const request = http.get(options, response => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (body += chunk))
      response.on('error', failed)
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
    })
    request.on('timeout', () => request.destroy(new Error('no answer in time')))
    request.on('error', failed)
  })
}
