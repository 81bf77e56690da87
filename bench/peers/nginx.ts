import { freePort } from '../setting/free-port.ts'
import { versionOf } from '../setting/installed.ts'
import { nginxOptions } from '../setting/nginx.ts'
import type { Subject } from '../subjects/subject.ts'

export const nginxHop: Subject = {
  name: 'nginx',
  topology: 'hop',
  protocols: ['http1'],
  missing: () => (versionOf('nginx') === undefined ? 'nginx is not installed' : undefined),
  async start(group, upstream) {
    const port = await freePort()
    const http = `  upstream backend {
    server 127.0.0.1:${upstream.port};
    keepalive 256;
    keepalive_requests 100000000;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_pass http://backend;
    }
  }`
    const child = await group.start(nginxOptions('nginx', http))
    return { port, proxies: [{ role: 'proxy', child }] }
  },
}
