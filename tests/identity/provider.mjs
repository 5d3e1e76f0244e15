// An OpenID Connect provider for the tests: certified code, in-memory, with login pages for any password.
// Argument: JSON {port, client, accounts (file, read for every question), kubesphere, rotate, seconds}.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Provider } from 'oidc-provider';

const options = JSON.parse(process.argv[2]);
const issuer = `http://localhost:${options.port}`;

// As KubeSphere does it: a key of its own after every start.
const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });

const provider = new Provider(issuer, {
  clients: [options.client],
  jwks: { keys: [{ ...key, kid: randomUUID(), use: 'sig', alg: 'RS256' }] },
  cookies: { keys: ['only for tests'] },
  claims: { openid: ['sub'], profile: ['preferred_username', 'name'], email: ['email', 'email_verified'], groups: ['groups'] },
  // True: claims come from userinfo only, as the standard has it and as KubeSphere's groups would.
  conformIdTokenClaims: options.kubesphere,
  features: { devInteractions: { enabled: true }, rpInitiatedLogout: { enabled: true } },
  issueRefreshToken: async (_, client) => client.grantTypeAllowed('refresh_token'),
  rotateRefreshToken: options.rotate,
  pkce: { required: () => !options.kubesphere },
  ttl: { AccessToken: options.seconds, IdToken: 86400, Grant: 86400, Session: 86400, RefreshToken: 86400, Interaction: 600 },
  findAccount: async (_, id) => {
    const account = JSON.parse(readFileSync(options.accounts, 'utf8'))[id];
    return account && { accountId: id, claims: async () => ({ sub: id, ...account }) };
  },
});

if (options.kubesphere) {
  // It advertises PKCE and never looks at it; it says nothing of itself in the answer.
  provider.use(async (ctx, next) => {
    if (ctx.path === '/auth') {
      const { code_challenge, code_challenge_method, ...query } = ctx.query;
      ctx.query = query;
    } else if (ctx.path === '/token') {
      const chunks = [];
      for await (const chunk of ctx.req) chunks.push(chunk);
      const { code_verifier, ...form } = Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString()));
      ctx.req.body = form;
    }
    await next();
    if (ctx.path === '/.well-known/openid-configuration') {
      const { authorization_response_iss_parameter_supported, end_session_endpoint, ...body } = ctx.body;
      ctx.body = { ...body, token_endpoint_auth_methods_supported: ['client_secret_post'] };
    }
  });
}

provider.listen(options.port, '127.0.0.1', () => console.log('ready'));
