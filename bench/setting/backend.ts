import { mkdirSync, writeFileSync } from 'node:fs'
import { payloads } from '../bench-case.ts'
import { ChildGroup } from './child-group.ts'
import { freePort } from './free-port.ts'
import { nginxOptions } from './nginx.ts'
import { workPath } from './work-folder.ts'

export interface Backend {
  readonly port: number
  stop(): Promise<void>
}

const smallAnswer = 'weft bench'.repeat(10)

/** The application behind every subject: nginx, which costs less than any proxy in front of it. */
export async function startBackend(): Promise<Backend> {
  const port = await freePort()
  const root = workPath('backend')
  mkdirSync(root, { recursive: true })
  writeFileSync(workPath('backend', 'post'), '')
  for (const { path, answerBytes } of payloads) {
    if (path.endsWith('.bin'))
      writeFileSync(workPath('backend', path), Buffer.alloc(answerBytes, 'weft'))
  }
  const group = new ChildGroup()
  // The mirror's only use is that nginx reads the whole body before it answers, as an application would; a POST to
  // a file is refused after that, and the refusal made into the answer.
  const server = `  server {
    listen 127.0.0.1:${port} backlog=4096;
    root ${root};
    location = / { default_type text/plain; return 200 "${smallAnswer}"; }
    location = /post { mirror /void; error_page 405 =200 /; }
    location = /void { internal; return 204; }
  }`
  await group.start(nginxOptions('backend', server))
  await group.waitUntilReady(`http://127.0.0.1:${port}/`)
  return { port, stop: () => group.stop() }
}
