import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import { z } from 'zod'
import { dockerSettings } from './docker/docker-settings.ts'
import { kubernetesSettings } from './kubernetes/kubernetes-settings.ts'

const settings = z.strictObject({
  docker: dockerSettings.optional(),
  kubernetes: kubernetesSettings.optional(),
  /** Written by `weft up`, for itself. */
  process: z.record(z.string(), z.unknown()).optional(),
})

export type ScalingSettings = z.output<typeof settings>

/**
 * The file of `weft control --scaling`, YAML or JSON: what starts functions of which nothing runs.
 * @throws Error with all problems, one a line.
 */
export async function readScalingSettings(path: string): Promise<ScalingSettings> {
  const result = settings.safeParse(parse(await readFile(path, 'utf8')))
  if (result.success) return result.data
  const lines = result.error.issues.map(({ path: at, message }) => `${at.join('.')}: ${message}`)
  throw new Error(lines.map(line => `${path}: ${line}`).join('\n'))
}
