import type { Now } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import type { ControlBootstrap } from '../model/bootstrap.ts'
import type { AuthorityStore } from './authority-store.ts'
import { CombinedSource } from './combined-source.ts'
import type { ConfigurationSource } from './configuration-source.ts'
import { FileSource } from './file-source.ts'
import type { Platform } from './platform.ts'

export interface PlatformOptions {
  /** Ours, for what the kubelet sets. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Of this software. */
  readonly version: string
  readonly logger: Logger
  /** Wall clock. */
  readonly now: Now
  readonly random: Random
}

/** Those that the bootstrap names; each is loaded only where it is used. */
export async function openPlatforms(
  { kubernetes, docker, trustDomain }: ControlBootstrap,
  options: PlatformOptions,
): Promise<ReadonlyMap<string, Platform>> {
  const platforms = new Map<string, Platform>()
  if (kubernetes !== undefined) {
    const { KubernetesPlatform } = await import('./kubernetes/kubernetes-platform.ts')
    platforms.set('kubernetes', new KubernetesPlatform(kubernetes, { ...options, trustDomain }))
  }
  if (docker !== undefined) {
    const { DockerPlatform } = await import('./docker/docker-platform.ts')
    platforms.set('docker', new DockerPlatform(docker, options))
  }
  return platforms
}

/** Files come first: who writes them for one place knows more of it than its labels say. */
export function sourceOf(
  { configPath, ignoresUnknownKinds = false }: ControlBootstrap,
  platforms: Iterable<Platform>,
): ConfigurationSource {
  const found = [...platforms].map(({ source }) => source)
  const isPart = found.length > 0
  const options = { isPart, ignoresUnknownKinds }
  const files = configPath === undefined ? [] : [new FileSource(configPath, options)]
  const [only, ...others] = [...files, ...found]
  if (only === undefined)
    throw new Error('there is no configuration: name a path, or say --docker or --kubernetes')
  return others.length === 0 ? only : new CombinedSource([only, ...others])
}

/** Where the CA's key lies, if a platform keeps it. */
export function authorityStoreOf(platforms: Iterable<Platform>): AuthorityStore | undefined {
  return [...platforms].find(({ authorityStore }) => authorityStore !== undefined)?.authorityStore
}
