import type { Estimate } from '../../../src/functions/placement/backend-stats.ts'
import type { Candidate } from '../../../src/functions/placement/placement.ts'
import type {
  AwsLambdaSettings,
  AzureFunctionSettings,
  CloudRunSettings,
  CostPolicy,
  HttpSettings,
  LocalSettings,
} from '../../../src/model/function/function-placement.ts'

const common = { weight: 1, price: undefined } as const
const remote = {
  ...common,
  timeoutMs: 5000,
  responseMode: 'buffered',
  allowPlainHttp: false,
} as const

export function localSettings(name: string): LocalSettings {
  return { ...common, kind: 'local', name }
}

export function lambdaSettings(name: string, region: string): AwsLambdaSettings {
  return {
    ...remote,
    kind: 'aws-lambda',
    name,
    region,
    functionName: 'hello',
    qualifier: undefined,
    endpoint: undefined,
    streamContentType: undefined,
  }
}

/** Of a backend that is called by its URL; named by its kind. */
export function urlSettings(
  kind: 'cloud-run' | 'azure-function' | 'http',
  region: string,
  url: string | undefined,
): CloudRunSettings | AzureFunctionSettings | HttpSettings {
  const shared = { ...remote, name: kind, region, url: url ?? 'https://example.com' }
  switch (kind) {
    case 'cloud-run':
      return { ...shared, kind, audience: undefined, passAuthorization: false }
    case 'azure-function':
      return { ...shared, kind, keyFile: undefined }
    case 'http':
      return { ...shared, kind, tokenFile: undefined }
  }
}

export const noEstimate: Estimate = {
  p95Ms: undefined,
  meanMs: undefined,
  meanBytes: undefined,
  errorRate: 0,
  samples: 0,
}

/** One that passes all filters. */
export function candidate(name: string, overrides: Partial<Candidate> = {}): Candidate {
  return {
    name,
    kind: 'http',
    region: 'eu-west-1',
    local: false,
    encrypted: false,
    weight: 1,
    price: undefined,
    breaker: 'closed',
    estimate: noEstimate,
    tried: false,
    ...overrides,
  }
}

/** By latency alone, without exploration. */
export const byLatency: CostPolicy = {
  kind: 'cost',
  weights: { cost: 0, latency: 1, errors: 0 },
  latencySloMs: 100,
  exploration: 0,
  switchMargin: 0.2,
  switchAfterMs: 10_000,
}
