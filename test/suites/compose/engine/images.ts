import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Engine } from './engine.ts'

const execute = promisify(execFile)

export const weftImage = 'weft:suite'
export const nodeImage = 'node:24-bookworm-slim'

/** Ours as it is delivered, and one that stands in for the applications': no registry is asked for anything. */
export async function makeImages(engine: Engine, folder: string): Promise<void> {
  const output = join(folder, 'dist')
  await execute('deploy/build.sh', ['--from-host', '--tag', weftImage, '--output', output], {
    env: engine.environment,
  })
  const context = join(folder, 'node')
  mkdirSync(context)
  const lines = [`FROM ${weftImage}`, 'USER 0:0', 'ENTRYPOINT []', 'CMD ["node"]']
  writeFileSync(join(context, 'Dockerfile'), [...lines, 'HEALTHCHECK NONE', ''].join('\n'))
  await engine.docker('build', '--quiet', '--tag', nodeImage, context)
}
