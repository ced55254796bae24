// An OpenID provider of the tests' own: whoever signs in is who it says, and what is known of people comes by argument.
// node provider.mjs PORT CLIENT_SECRET REDIRECT_URI PEOPLE, the last one a file: {"ann": {"email": ..., "groups": [...]}}

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { Provider } = createRequire(process.env.PACKAGES + "/")("oidc-provider");
const [port, secret, redirectUri, peopleFile] = process.argv.slice(2);

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: "cove",
      client_secret: secret,
      redirect_uris: [redirectUri],
      grant_types: ["authorization_code", "refresh_token"],
      post_logout_redirect_uris: [new URL(redirectUri).origin],
    },
  ],
  pkce: { required: () => true },
  claims: { openid: ["sub"], profile: ["preferred_username", "name"], email: ["email", "email_verified"], groups: ["groups"] },
  scopes: ["openid", "profile", "email", "groups", "offline_access"],
  findAccount: (_context, id) => {
    const person = JSON.parse(readFileSync(peopleFile))[id];
    if (person === undefined) return undefined;
    return { accountId: id, claims: () => ({ sub: id, preferred_username: id, name: `The ${id}`, ...person }) };
  },
  cookies: { keys: ["a key of the tests"] },
});
provider.listen(Number(port), "127.0.0.1", () => console.log("ready"));
