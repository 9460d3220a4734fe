import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathOf } from '../../test/support/parts/part.ts'
import { answerBody, modelsBody } from '../load/chat.ts'
import { nginx } from '../parts/nginx.ts'
import { nginxConfig } from '../parts/nginx-config.ts'
import { cores } from '../process/cores.ts'
import { type Pinned, startPinned } from '../process/pinned.ts'

const config = (port: number): string =>
  nginxConfig(`
  default_type application/json;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / { return 200 '${answerBody}'; }
    location ~ /models { return 200 '${modelsBody}'; }
  }`)

/** The model server that answers at once: nginx, with a text that it need not look for. */
export const startPlainStub = async (folder: string, port: number): Promise<Pinned> => {
  const file = join(folder, 'nginx.conf')
  await writeFile(file, config(port))
  const args = ['-p', folder, '-c', file, '-e', 'stderr']
  return startPinned({ core: cores.load, command: pathOf(nginx), args, folder })
}
