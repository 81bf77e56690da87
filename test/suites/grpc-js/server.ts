// The interoperability server of gRPC with `@grpc/grpc-js`.
import {
  Metadata,
  Server,
  ServerCredentials,
  type sendUnaryData,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
} from '@grpc/grpc-js'
import {
  echoInitial,
  echoTrailing,
  TestService,
  type EchoRequest,
  type EchoResponse,
  type Payload,
} from './service.ts'

type Failure = NonNullable<EchoRequest['response_status']>

interface Call {
  readonly metadata: Metadata
  sendMetadata(metadata: Metadata): void
}

/** @returns the trailers. */
function echoMetadata(call: Call): Metadata {
  const initial = new Metadata()
  const trailing = new Metadata()
  for (const value of call.metadata.get(echoInitial)) initial.add(echoInitial, value)
  for (const value of call.metadata.get(echoTrailing)) trailing.add(echoTrailing, value)
  call.sendMetadata(initial)
  return trailing
}

function isFailure(status: EchoRequest['response_status']): status is Failure {
  return (status?.code ?? 0) !== 0
}

function payload(size: number): Payload {
  return { body: Buffer.alloc(size) }
}

function unary(
  call: ServerUnaryCall<EchoRequest, EchoResponse>,
  done: sendUnaryData<EchoResponse>,
): void {
  const trailers = echoMetadata(call)
  const { response_status: status, response_size: size = 0 } = call.request
  if (isFailure(status))
    return done({ code: status.code, details: status.message, metadata: trailers })
  done(null, { payload: payload(size) }, trailers)
}

function input(call: ServerReadableStream<EchoRequest, object>, done: sendUnaryData<object>): void {
  let size = 0
  call.on('data', (request: EchoRequest) => (size += request.payload?.body.length ?? 0))
  call.on('end', () => done(null, { aggregated_payload_size: size }))
}

function output(call: ServerWritableStream<EchoRequest, EchoResponse>): void {
  for (const { size } of call.request.response_parameters ?? [])
    call.write({ payload: payload(size) })
  call.end()
}

function duplex(call: ServerDuplexStream<EchoRequest, EchoResponse>): void {
  const trailers = echoMetadata(call)
  call.on(
    'data',
    ({ response_status: status, response_parameters: parameters = [] }: EchoRequest) => {
      if (isFailure(status))
        return void call.emit('error', {
          code: status.code,
          details: status.message,
          metadata: trailers,
        })
      for (const { size } of parameters) call.write({ payload: payload(size) })
    },
  )
  call.on('end', () => call.end(trailers))
}

const server = new Server()
server.addService(TestService.service, {
  EmptyCall: (_call: unknown, done: sendUnaryData<object>) => done(null, {}),
  UnaryCall: unary,
  StreamingInputCall: input,
  StreamingOutputCall: output,
  FullDuplexCall: duplex,
})
server.bindAsync(`127.0.0.1:${process.env['PORT']}`, ServerCredentials.createInsecure(), error => {
  if (error !== null) throw error
})
process.once('SIGTERM', () => process.exit())
