import { join } from 'node:path'
import { inspect } from 'node:util'
import t, { type Test } from 'tap'
import { AwsCredentialChain } from '../../../../src/functions/cloud/aws-credentials.ts'
import {
  cloudClient,
  deadUrl,
  fakeCloud,
  type Asked,
  type Behaviour,
} from '../../../support/functions/fake-clouds.ts'

const never = new AbortController().signal
const now = Date.UTC(2026, 10, 27)
const later = new Date(now + 3_600_000).toISOString()
const secret = 'verysecretkey'

const document = JSON.stringify({
  Code: 'Success',
  AccessKeyId: 'AKID',
  SecretAccessKey: secret,
  Token: 'session',
  Expiration: later,
})
const off = { AWS_EC2_METADATA_DISABLED: 'true' }

function chainOf(t: Test, environment: Readonly<Record<string, string | undefined>>) {
  const client = cloudClient(t)
  return new AwsCredentialChain('eu-west-1', { client, environment, wallNow: () => now })
}

function load(t: Test, environment: Readonly<Record<string, string | undefined>>) {
  return chainOf(t, environment).get(never)
}

async function reasonOf(t: Test, environment: Readonly<Record<string, string | undefined>>) {
  const error = await load(t, environment).catch((thrown: unknown) => thrown)
  t.match(error, { name: 'BackendError', code: 'credentials', unsent: true })
  t.notMatch(inspect(error, { depth: 9 }), secret)
  return (error as Error).message
}

t.test('variables come first', async t => {
  const credentials = await load(t, {
    AWS_ACCESS_KEY_ID: 'A',
    AWS_SECRET_ACCESS_KEY: 's',
    AWS_SESSION_TOKEN: 't',
    AWS_WEB_IDENTITY_TOKEN_FILE: '/nowhere',
  })
  t.match(credentials, { accessKeyId: 'A', secretAccessKey: 's', sessionToken: 't' })
  t.equal(credentials.expiresAt, Number.POSITIVE_INFINITY)
})

t.test('without any, it is said what each source lacks', async t => {
  const message = await reasonOf(t, off)
  for (const part of [
    'AWS_ACCESS_KEY_ID is not set',
    'neither HOME nor AWS_SHARED_CREDENTIALS_FILE is set',
    'AWS_WEB_IDENTITY_TOKEN_FILE is not set',
    'AWS_CONTAINER_CREDENTIALS_FULL_URI is not set',
    'AWS_EC2_METADATA_DISABLED is true',
  ])
    t.match(message, part)
})

t.test('secrets are in nothing that is printed', async t => {
  const credentials = await load(t, { AWS_ACCESS_KEY_ID: 'A', AWS_SECRET_ACCESS_KEY: secret })
  t.equal(credentials.secretAccessKey, secret)
  for (const text of [inspect(credentials, { depth: 9 }), JSON.stringify(credentials)])
    t.notMatch(text, secret)
})

t.test('the profile that is asked for is read', async t => {
  const file = `# comment
[default]
aws_access_key_id = D
aws_secret_access_key = d
[ other ]
aws_access_key_id=O
aws_secret_access_key = a=b=
aws_session_token = t
[empty]
region = x
`
  const home = t.testdir({ '.aws': { credentials: file } })
  t.match(await load(t, { HOME: home }), { accessKeyId: 'D', secretAccessKey: 'd' })
  t.match(await load(t, { HOME: home, AWS_PROFILE: 'other' }), {
    accessKeyId: 'O',
    secretAccessKey: 'a=b=',
    sessionToken: 't',
  })
  const AWS_SHARED_CREDENTIALS_FILE = join(home, '.aws/credentials')
  t.match(await load(t, { AWS_SHARED_CREDENTIALS_FILE }), { accessKeyId: 'D' })
  const empty = await reasonOf(t, { HOME: home, AWS_PROFILE: 'empty' })
  t.match(empty, 'profile empty has no aws_access_key_id')
})

t.test('a profile that was asked for and is not there ends the search', async t => {
  const message = await reasonOf(t, { HOME: t.testdir({}), AWS_PROFILE: 'mine' })
  t.match(message, 'there is no such file')
  t.notMatch(message, 'web identity')
})

const stsJson = JSON.stringify({
  AssumeRoleWithWebIdentityResponse: {
    AssumeRoleWithWebIdentityResult: {
      Credentials: {
        AccessKeyId: 'AKID',
        SecretAccessKey: secret,
        SessionToken: 'session',
        Expiration: (now + 3_600_000) / 1000,
      },
    },
  },
})
const stsXml = `<AssumeRoleWithWebIdentityResponse xmlns="x"><AssumeRoleWithWebIdentityResult><Credentials>
<AccessKeyId>AKID</AccessKeyId><SecretAccessKey>${secret}</SecretAccessKey>
<SessionToken>session</SessionToken><Expiration>${later}</Expiration>
</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`

async function webIdentity(t: Test, answer: (asked: Asked) => Behaviour) {
  const sts = await fakeCloud(t, answer)
  const file = join(t.testdir({ token: 'the.token\n' }), 'token')
  const environment = {
    AWS_WEB_IDENTITY_TOKEN_FILE: file,
    AWS_ROLE_ARN: 'arn:aws:iam::1:role/r',
    AWS_ROLE_SESSION_NAME: 'me',
    AWS_ENDPOINT_URL_STS: sts.url,
  }
  return { sts, environment }
}

t.test('a web identity is exchanged at STS, whose answer may be JSON or XML', async t => {
  for (const body of [stsJson, stsXml]) {
    const { sts, environment } = await webIdentity(t, () => ({ body }))
    const credentials = await load(t, environment)
    t.match(credentials, { accessKeyId: 'AKID', secretAccessKey: secret, sessionToken: 'session' })
    t.equal(credentials.expiresAt, now + 3_600_000)
    const [asked] = sts.asked
    t.notMatch(asked?.url, 'token')
    t.same(Object.fromEntries(new URLSearchParams(asked?.body.toString())), {
      Action: 'AssumeRoleWithWebIdentity',
      Version: '2011-06-15',
      RoleArn: 'arn:aws:iam::1:role/r',
      RoleSessionName: 'me',
      WebIdentityToken: 'the.token',
    })
  }
})

t.test('a role that is refused is not replaced by that of the machine', async t => {
  const body = `<ErrorResponse><Error><Code>AccessDenied</Code><Message>${secret}</Message></Error></ErrorResponse>`
  const { environment } = await webIdentity(t, () => ({ status: 403, body }))
  const message = await reasonOf(t, environment)
  t.match(message, 'answered 403 AccessDenied')
  t.notMatch(message, 'metadata')
})

t.test('an answer of STS that makes no sense is no identity', async t => {
  const bodies = [
    '',
    '{}',
    '<Credentials></Credentials>',
    stsXml.replace(later, 'soon'),
    `{"${secret}`,
  ]
  for (const body of bodies) {
    const { environment } = await webIdentity(t, () => ({ body }))
    t.match(await reasonOf(t, environment), 'answered without credentials')
  }
})

t.test('a container is asked with its token', async t => {
  const cloud = await fakeCloud(t, () => ({ body: document }))
  const file = join(t.testdir({ token: 'from-file\n' }), 'token')
  const environment = {
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `${cloud.url}/role?x=1`,
    AWS_CONTAINER_AUTHORIZATION_TOKEN: 'direct',
  }
  t.match(await load(t, environment), { accessKeyId: 'AKID', sessionToken: 'session' })
  await load(t, { ...environment, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file })
  t.match(cloud.asked, [
    { method: 'GET', url: '/role?x=1', headers: { authorization: 'direct' } },
    { headers: { authorization: 'from-file' } },
  ])
})

t.test('a container may not send its token to whoever over plain HTTP', async t => {
  for (const host of ['169.254.169.254', '10.0.0.1', 'example.com', '169.254.170.2.example.com']) {
    const message = await reasonOf(t, { AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://${host}/` })
    t.match(message, 'only https is allowed')
  }
  t.match(await reasonOf(t, { AWS_CONTAINER_CREDENTIALS_FULL_URI: 'no url' }), 'is no URL')
})

function instance(answers: Readonly<Record<string, Behaviour>>) {
  return ({ method, url }: Asked): Behaviour => answers[`${method} ${url}`] ?? { status: 404 }
}

const rolePath = '/latest/meta-data/iam/security-credentials/'
const instanceAnswers: Readonly<Record<string, Behaviour>> = {
  'PUT /latest/api/token': { body: 'metadata-token' },
  [`GET ${rolePath}`]: { body: 'my-role\n' },
  [`GET ${rolePath}my-role`]: { body: document },
}

t.test('an instance is asked by version 2 of its metadata', async t => {
  const cloud = await fakeCloud(t, instance(instanceAnswers))
  t.match(await load(t, { AWS_EC2_METADATA_SERVICE_ENDPOINT: cloud.url }), { accessKeyId: 'AKID' })
  const token = { 'x-aws-ec2-metadata-token': 'metadata-token' }
  t.match(cloud.asked, [
    { method: 'PUT', headers: { 'x-aws-ec2-metadata-token-ttl-seconds': '21600' } },
    { headers: token },
    { headers: token },
  ])
})

t.test('where version 2 gives no token, version 1 is not asked', async t => {
  const cloud = await fakeCloud(t, instance({ [`GET ${rolePath}`]: { body: 'my-role' } }))
  const message = await reasonOf(t, { AWS_EC2_METADATA_SERVICE_ENDPOINT: cloud.url })
  t.match(message, 'gives no token of IMDSv2: it answered 404')
  t.equal(cloud.asked.length, 1)
})

t.test('an instance that does not answer is told apart from one without a role', async t => {
  const dead = await reasonOf(t, { AWS_EC2_METADATA_SERVICE_ENDPOINT: await deadUrl() })
  t.match(dead, 'hop limit of 2')
  const answers = { 'PUT /latest/api/token': { body: 't' } }
  const bare = await fakeCloud(t, instance(answers))
  t.match(
    await reasonOf(t, { AWS_EC2_METADATA_SERVICE_ENDPOINT: bare.url }),
    'no role is attached to this instance',
  )
})

t.test('the name of a role can not lead elsewhere', async t => {
  const answers = { ...instanceAnswers, [`GET ${rolePath}`]: { body: '../../user-data' } }
  const cloud = await fakeCloud(t, instance(answers))
  t.match(
    await reasonOf(t, { AWS_EC2_METADATA_SERVICE_ENDPOINT: cloud.url }),
    'without the name of a role',
  )
})

t.test('what has expired already is no credential', async t => {
  const body = document.replace(later, new Date(now - 1000).toISOString())
  const cloud = await fakeCloud(t, () => ({ body }))
  const message = await reasonOf(t, { AWS_CONTAINER_CREDENTIALS_FULL_URI: cloud.url })
  t.match(message, 'container credentials: what it gives has expired')
})
