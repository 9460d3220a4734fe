import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathOf } from '../../test/support/parts/part.ts'
import { must } from '../../test/support/parts/run.ts'
import { nginx as part } from '../parts/nginx.ts'
import { nginxConfig } from '../parts/nginx-config.ts'
import { chatPath, json, type Peer } from './peer.ts'

/** Connections to the upstream are kept, and nothing is held back from a stream. */
const config = (port: number, upstream: string): string =>
  nginxConfig(`
  upstream model { server ${upstream.replace('http://', '')}; keepalive 4096; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://model;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }
  }`)

export const nginx: Peer = {
  name: 'nginx',
  title: 'nginx proxy_pass',
  does: 'nothing',
  parts: [part],
  version: async () => (await must(pathOf(part), ['-v'])).stderr.trim().split('/').at(-1) ?? '',
  prepare: async ({ folder, port, upstream }) => {
    const file = join(folder, 'nginx.conf')
    await writeFile(file, config(port, upstream))
    return {
      program: { command: pathOf(part), args: ['-p', folder, '-c', file, '-e', 'stderr'] },
      url: `http://127.0.0.1:${port}${chatPath}`,
      headers: json,
    }
  },
}
