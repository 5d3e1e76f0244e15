// Adds the address of ssh.js to those of code-server.
// Usage: node add-ssh.js <folder of the npm package code-server>, with ssh.js in that folder
'use strict';

const fs = require('fs');
const path = require('path');

const routes = path.join(path.resolve(process.argv[2]), 'out/node/routes/index.js');
const before = fs.readFileSync(routes, 'utf8');
const place = 'app.wsRouter.use("/healthz", health.wsRouter.router);\n';
const after = before.replace(place, (found) => `${found}    app.wsRouter.use("/devworkspace/ssh", require("../../../ssh.js").wsRouter.router);\n`);
if (after === before) throw new Error(`${routes} has no ${place.trim()} any more; look at its routes again`);
fs.writeFileSync(routes, after);
