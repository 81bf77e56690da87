import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import { CommandError, usageErrorCode } from '../command-error.ts'
import type { TextStreams } from '../process/text-streams.ts'
import { version } from '../version.ts'
import { Cluster, type ClusterObject, type ClusterOptions } from './cluster/cluster.ts'
import { customResourceDefinitions } from './manifests/custom-resources.ts'
import { installSettings, type InstallSettings } from './manifests/install-settings.ts'
import { installation } from './manifests/installation.ts'
import { formatManifests } from './manifests/manifest.ts'
import { isSettings, mergeSettings, type GivenSettings } from './set-value.ts'

export interface InstallFlags extends ClusterOptions {
  readonly image?: string
  readonly trustDomain?: string
  readonly replicas?: string
  readonly mode?: string
  readonly clusterDns?: readonly string[]
  /** As values of the Helm chart. */
  readonly values?: readonly string[]
  readonly set?: GivenSettings
  readonly crdsOnly?: boolean
}

/** What a command prints for `kubectl`, and what it tells people. */
export type Output = Pick<TextStreams, 'output' | 'report'>

/** `weft install`: YAML for `kubectl apply -f -`. @throws CommandError with every setting that is wrong */
export async function install(flags: InstallFlags, output: Output): Promise<number> {
  if (flags.crdsOnly === true) {
    await output.output(formatManifests(customResourceDefinitions(version)))
    return 0
  }
  const given = await givenSettings(flags)
  // What is wrong is said before a cluster is asked.
  checkedSettings(given)
  const settings = checkedSettings(await withClusterDns(given, flags, output.report))
  await output.output(formatManifests(installation(settings, version)))
  return 0
}

async function givenSettings(flags: InstallFlags): Promise<GivenSettings> {
  const { image, trustDomain, replicas, mode, clusterDns } = flags
  let settings: GivenSettings = {}
  for (const path of flags.values ?? []) settings = mergeSettings(settings, await readValues(path))
  const injection = {
    ...(mode !== undefined && { mode }),
    ...(clusterDns !== undefined && { clusterDns }),
  }
  const options = {
    ...(image !== undefined && { image }),
    ...(trustDomain !== undefined && { trustDomain }),
    ...(replicas !== undefined && {
      replicas: /^\d+$/.test(replicas) ? Number(replicas) : replicas,
    }),
    ...(Object.keys(injection).length > 0 && { injection }),
  }
  return mergeSettings(mergeSettings(settings, options), flags.set ?? {})
}

async function readValues(path: string): Promise<GivenSettings> {
  try {
    const values: unknown = parse(await readFile(path, 'utf8')) ?? {}
    if (isSettings(values)) return values
    throw new CommandError('expected fields with settings')
  } catch (error) {
    throw new CommandError(`${path}: ${(error as Error).message}`, usageErrorCode)
  }
}

function checkedSettings(given: GivenSettings): InstallSettings {
  const { data, error } = installSettings.safeParse(given)
  if (data !== undefined) return data
  const lines = error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.join('.')}: ${message}`,
  )
  throw new CommandError(lines.join('\n'), usageErrorCode)
}

const dnsServices = `/api/v1/namespaces/kube-system/services?labelSelector=${encodeURIComponent('k8s-app=kube-dns')}`

/** Sidecars in DNS mode ask the cluster's own resolver, whose address each cluster chooses. */
async function withClusterDns(
  given: GivenSettings,
  flags: InstallFlags,
  report: Output['report'],
): Promise<GivenSettings> {
  const { injection } = given
  if (isSettings(injection) && injection['clusterDns'] !== undefined) return given
  try {
    const clusterDns = await lookUpDns(flags)
    report(`DNS of the cluster: ${clusterDns.join(', ')} (Service kube-system/kube-dns)`)
    return mergeSettings(given, { injection: { clusterDns } })
  } catch (error) {
    const [assumed] = installSettings.parse({}).injection.clusterDns
    report(
      `DNS of the cluster: ${assumed}, a guess, as it could not be looked up (${(error as Error).message}); say --cluster-dns otherwise`,
    )
    return given
  }
}

async function lookUpDns(options: ClusterOptions): Promise<string[]> {
  await using cluster = await Cluster.open(options)
  const services = await cluster.list(dnsServices)
  const addresses = services.flatMap(addressesOf)
  if (addresses.length === 0) throw new Error('no Service in kube-system has k8s-app=kube-dns')
  return addresses.slice(0, 3)
}

function addressesOf({ spec }: ClusterObject): string[] {
  const { clusterIPs = [] } = (spec ?? {}) as { readonly clusterIPs?: readonly string[] }
  return clusterIPs.filter(address => address !== 'None')
}
