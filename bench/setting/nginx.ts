import { writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import type { ChildOptions } from './child.ts'
import { commandOf } from './installed.ts'
import { workPath } from './work-folder.ts'

/** nginx with one worker around the given part of its `http` block, all its files in the work folder. */
export function nginxOptions(name: string, http: string): ChildOptions {
  const file = workPath(`${name}.conf`)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  writeFileSync(
    file,
    `${userInfo().uid === 0 ? 'user root;' : ''}
worker_processes 1;
daemon off;
pid ${workPath(`${name}.pid`)};
error_log stderr crit;
events { worker_connections 8192; }
http {
  access_log off;
  keepalive_requests 100000000;
${temporary.map(use => `  ${use}_temp_path ${workPath(`${name}-${use}`)};`).join('\n')}
${http}
}
`,
  )
  return { name, command: commandOf('nginx'), args: ['-e', 'stderr', '-c', file] }
}
