import { resolve } from 'node:path'
import { loadPackageDefinition, type ServiceClientConstructor } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'

interface Loaded {
  readonly grpc: {
    readonly testing: {
      readonly TestService: ServiceClientConstructor
      readonly UnimplementedService: ServiceClientConstructor
    }
  }
}

const definition = loadSync(resolve(import.meta.dirname, 'testing.proto'), { keepCase: true })

export const { TestService, UnimplementedService } = (
  loadPackageDefinition(definition) as unknown as Loaded
).grpc.testing

export interface Payload {
  readonly type?: string
  readonly body: Buffer
}

/** As both simple and streaming requests have it. */
export interface EchoRequest {
  readonly payload?: Payload
  readonly response_size?: number
  readonly response_parameters?: readonly { readonly size: number }[]
  readonly response_status?: { readonly code: number; readonly message: string }
}

export interface EchoResponse {
  readonly payload: Payload
}

export const echoInitial = 'x-grpc-test-echo-initial'
export const echoTrailing = 'x-grpc-test-echo-trailing-bin'
