// The interoperability cases of gRPC with the client of `@grpc/grpc-js`.
import { once } from 'node:events'
import assert from 'node:assert/strict'
import {
  credentials,
  Metadata,
  status,
  type Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientWritableStream,
  type ServiceError,
} from '@grpc/grpc-js'
import {
  echoInitial,
  echoTrailing,
  TestService,
  UnimplementedService,
  type EchoRequest,
  type EchoResponse,
  type Payload,
} from './service.ts'

interface Unary<Request, Response> {
  (request: Request, done: (error: ServiceError | null, response?: Response) => void): Started
  (
    request: Request,
    metadata: Metadata,
    done: (error: ServiceError | null, response?: Response) => void,
  ): Started
}

interface Started {
  on(
    event: 'metadata' | 'status',
    listener: (value: Metadata & { metadata: Metadata }) => void,
  ): void
}

interface TestClient extends Client {
  EmptyCall: Unary<object, object>
  UnaryCall: Unary<EchoRequest, EchoResponse>
  UnimplementedCall: Unary<object, object>
  StreamingInputCall(
    done: (error: ServiceError | null, response?: { aggregated_payload_size: number }) => void,
  ): ClientWritableStream<EchoRequest>
  StreamingOutputCall(request: EchoRequest): ClientReadableStream<EchoResponse>
  FullDuplexCall(
    metadata?: Metadata,
    options?: { deadline: number },
  ): ClientDuplexStream<EchoRequest, EchoResponse>
}

const requestSizes = [27_182, 8, 1828, 45_904]
const responseSizes = [31_415, 9, 2653, 58_979]

function payload(size: number): Payload {
  return { body: Buffer.alloc(size) }
}

function failureOf(
  call: (done: (error: ServiceError | null) => void) => void,
): Promise<ServiceError> {
  return new Promise((resolve, reject) =>
    call(error => (error === null ? reject(new Error('it has not failed')) : resolve(error))),
  )
}

function answerOf<T>(
  call: (done: (error: ServiceError | null, response?: T) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) =>
    call((error, response) =>
      error === null && response !== undefined
        ? resolve(response)
        : reject(error ?? new Error('no answer')),
    ),
  )
}

async function nextOf(stream: ClientReadableStream<EchoResponse>): Promise<number> {
  const [response] = (await once(stream, 'data')) as [EchoResponse]
  return response.payload.body.length
}

async function customMetadata(client: TestClient): Promise<void> {
  const metadata = new Metadata()
  metadata.set(echoInitial, 'test_initial_metadata_value')
  metadata.set(echoTrailing, Buffer.from('ababab', 'hex'))
  const seen: unknown[] = []
  const request = { response_size: 314_159, payload: payload(271_828) }
  await answerOf<EchoResponse>(done => {
    const call = client.UnaryCall(request, metadata, done)
    call.on('metadata', initial => seen.push(...initial.get(echoInitial)))
    call.on('status', ({ metadata: trailing }) => seen.push(...trailing.get(echoTrailing)))
  })
  await new Promise(resolve => setImmediate(resolve))
  assert.deepEqual(seen, ['test_initial_metadata_value', Buffer.from('ababab', 'hex')])
}

export const cases: Readonly<
  Record<string, (client: TestClient, address: string) => Promise<void>>
> = {
  empty_unary: async client => {
    await answerOf<object>(done => client.EmptyCall({}, done))
  },
  large_unary: async client => {
    const request = { response_size: 314_159, payload: payload(271_828) }
    const answer = await answerOf<EchoResponse>(done => client.UnaryCall(request, done))
    assert.equal(answer.payload.body.length, 314_159)
  },
  client_streaming: async client => {
    const answer = await answerOf<{ aggregated_payload_size: number }>(done => {
      const call = client.StreamingInputCall(done)
      for (const size of requestSizes) call.write({ payload: payload(size) })
      call.end()
    })
    assert.equal(answer.aggregated_payload_size, 74_922)
  },
  server_streaming: async client => {
    const sizes: number[] = []
    const call = client.StreamingOutputCall({
      response_parameters: responseSizes.map(size => ({ size })),
    })
    for await (const { payload: part } of call as AsyncIterable<EchoResponse>)
      sizes.push(part.body.length)
    assert.deepEqual(sizes, responseSizes)
  },
  ping_pong: async client => {
    const call = client.FullDuplexCall()
    for (const [index, size] of responseSizes.entries()) {
      call.write({ response_parameters: [{ size }], payload: payload(requestSizes[index] ?? 0) })
      assert.equal(await nextOf(call), size)
    }
    call.end()
    call.resume()
    await once(call, 'end')
  },
  empty_stream: async client => {
    const call = client.FullDuplexCall()
    call.end()
    call.resume()
    await once(call, 'end')
  },
  timeout_on_sleeping_server: async client => {
    const call = client.FullDuplexCall(new Metadata(), { deadline: Date.now() + 1 })
    call.write({ payload: payload(27_182) })
    const [error] = (await once(call, 'error')) as [ServiceError]
    assert.equal(error.code, status.DEADLINE_EXCEEDED)
  },
  cancel_after_begin: async client => {
    const error = await failureOf(done => client.StreamingInputCall(done).cancel())
    assert.equal(error.code, status.CANCELLED)
  },
  cancel_after_first_response: async client => {
    const call = client.FullDuplexCall()
    call.write({ response_parameters: [{ size: 31_415 }], payload: payload(27_182) })
    assert.equal(await nextOf(call), 31_415)
    const failed = once(call, 'error')
    call.cancel()
    const [error] = (await failed) as [ServiceError]
    assert.equal(error.code, status.CANCELLED)
  },
  status_code_and_message: async client => {
    const wanted = { code: 2, message: 'test status message' }
    const error = await failureOf(done => client.UnaryCall({ response_status: wanted }, done))
    assert.deepEqual([error.code, error.details], [2, wanted.message])
    const call = client.FullDuplexCall()
    call.on('data', () => {})
    const failed = once(call, 'error')
    call.end({ response_status: wanted })
    const [streamed] = (await failed) as [ServiceError]
    assert.deepEqual([streamed.code, streamed.details], [2, wanted.message])
  },
  special_status_message: async client => {
    const message = '\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n'
    const request = { response_status: { code: 2, message } }
    const error = await failureOf(done => client.UnaryCall(request, done))
    assert.deepEqual([error.code, error.details], [2, message])
  },
  custom_metadata: customMetadata,
  unimplemented_method: async client => {
    const error = await failureOf(done => client.UnimplementedCall({}, done))
    assert.equal(error.code, status.UNIMPLEMENTED)
  },
  unimplemented_service: async (_client, address) => {
    const other = new UnimplementedService(
      address,
      credentials.createInsecure(),
    ) as unknown as TestClient
    const error = await failureOf(done => other.UnimplementedCall({}, done))
    other.close()
    assert.equal(error.code, status.UNIMPLEMENTED)
  },
}

/** @returns why a case failed. */
export async function failureOfCase(name: string, port: number): Promise<string | undefined> {
  const address = `127.0.0.1:${port}`
  const client = new TestService(address, credentials.createInsecure()) as unknown as TestClient
  try {
    await cases[name]?.(client, address)
    return undefined
  } catch (error) {
    return String(error)
  } finally {
    client.close()
  }
}
