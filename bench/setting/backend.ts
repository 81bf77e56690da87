import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { grpcCall, payloads, type Protocol } from '../bench-case.ts'
import { ChildGroup } from './child-group.ts'
import { freePorts } from './free-port.ts'
import { grpcMessage, grpcMessageFile } from './grpc-message.ts'
import { commandOf } from './installed.ts'
import { nginxOptions } from './nginx.ts'
import { workPath } from './work-folder.ts'

export interface Backend {
  readonly ports: Readonly<Record<Protocol, number>>
  stop(): Promise<void>
}

const smallAnswer = 'weft bench'.repeat(10)

/** The application behind every subject: nginx and iperf3, which cost less than any proxy in front of them. */
export async function startBackend(protocols: readonly Protocol[]): Promise<Backend> {
  const [http1 = 0, http2 = 0, tcp = 0] = await freePorts(3)
  writeFiles()
  const group = new ChildGroup()
  await group.start(nginxOptions('backend', [server(http1), server(http2, 'http2')].join('\n')))
  await group.waitUntilReady(`http://127.0.0.1:${http1}/`)
  if (protocols.includes('tcp')) {
    const args = ['-s', '-B', '127.0.0.1', '-p', String(tcp)]
    await group.start({ name: 'iperf3-server', command: commandOf('iperf3'), args })
    await group.waitUntilListening(tcp)
  }
  return { ports: { http1, http2, tcp }, stop: () => group.stop() }
}

function writeFiles(): void {
  mkdirSync(workPath('backend'), { recursive: true })
  writeFileSync(workPath('backend', 'post'), '')
  for (const { path, answerBytes } of payloads) {
    if (path.endsWith('.bin'))
      writeFileSync(workPath('backend', path), Buffer.alloc(answerBytes, 'weft'))
  }
  mkdirSync(dirname(grpcMessageFile()), { recursive: true })
  writeFileSync(grpcMessageFile(), grpcMessage(grpcCall.answerBytes))
}

/**
 * The mirror's only use is that nginx reads the whole body before it answers, as an application would; a POST to a
 * file is refused after that, and the refusal made into the answer. The gRPC call is such a file too, with the
 * trailer that makes it one and without what no gRPC server says about files.
 */
function server(port: number, protocol = ''): string {
  return `  server {
    listen 127.0.0.1:${port} ${protocol} backlog=4096;
    root ${workPath('backend')};
    location = / { default_type text/plain; return 200 "${smallAnswer}"; }
    location = /post { mirror /void; error_page 405 =200 /; }
    location = ${grpcCall.path} {
      mirror /void;
      error_page 405 =200 ${grpcCall.path};
      default_type application/grpc;
      etag off;
      max_ranges 0;
      add_header Last-Modified "";
      add_trailer grpc-status 0;
    }
    location = /void { internal; return 204; }
  }`
}
