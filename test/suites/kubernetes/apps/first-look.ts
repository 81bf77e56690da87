import http from 'node:http'

/** Prints what the pod's sidecar says of itself in this moment: an application that starts must find it ready. */
export function reportProxy(): Promise<void> {
  return new Promise(done => {
    const print = (what: string): void => {
      console.log(`proxy: ${what}`)
      done()
    }
    const request = http.get({ host: '127.0.0.1', port: 15020, path: '/ready', agent: false })
    request.on('response', response => {
      response.resume()
      print(String(response.statusCode))
    })
    request.on('error', error => print(error.message))
  })
}
