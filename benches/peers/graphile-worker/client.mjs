// MODULES URL VERB...: graphile-worker doing what the project's own client does, in the words it prints.
//
//   migrate                  makes its tables
//   enqueue JOBS one TASKS   addJob, by so many tasks at once
//   enqueue JOBS many SIZE   addJobs, so many at a time
//   work JOBS default TASKS  every job fetched and completed by itself
//   work JOBS batched TASKS  a local queue of 500, completions gathered: the settings of its own performance test
//   wait                     works on whatever comes, until it is killed
//   send JOBS PAUSE          one job after every so many milliseconds
//
// Left out beside ours: it deletes a job that is done, keeps no events, and does not fence completions by attempt.
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";

const [modules, url, verb, ...args] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const { Logger, makeWorkerUtils, run, runMigrations } = require("graphile-worker");
const { Pool } = require("pg");

const logger = new Logger(() => () => {});
const pgPool = new Pool({ connectionString: url, max: 10 });
pgPool.on("error", () => {});
pgPool.on("connect", (client) => client.on("error", () => {}));
const micros = () => Math.round((performance.timeOrigin + performance.now()) * 1000);
const payload = (number) => ({
  number,
  sample: "smp_019ab3c44cb97f0aa3e5a0c6b3bb1f3a",
  text: "A sentence of a usual length, to be said and forgotten by whoever happens to hear it first.",
  language: "en",
});

/** The wall and CPU time of `work`, as one line. */
async function took(jobs, work) {
  const cpu = process.cpuUsage();
  const began = performance.now();
  await work();
  const wall = Math.round((performance.now() - began) * 1000);
  const used = process.cpuUsage(cpu);
  console.log(`took ${jobs} ${wall} ${used.user + used.system}`);
}

async function warm(connections) {
  await Promise.all(Array.from({ length: connections }, () => pgPool.query("SELECT pg_sleep(0.05)")));
}

async function enqueue(jobs, how, size) {
  const utils = await makeWorkerUtils({ pgPool, logger });
  await warm(how === "one" ? size : 1);
  await took(jobs, async () => {
    let next = 0;
    if (how === "many") {
      for (; next < jobs; next += size) {
        const batch = Array.from({ length: Math.min(size, jobs - next) }, (_, i) => next + i);
        await utils.addJobs(batch.map((number) => ({ identifier: "noop", payload: payload(number) })));
      }
      return;
    }
    const one = async () => {
      while (next < jobs) await utils.addJob("noop", payload(next++));
    };
    await Promise.all(Array.from({ length: size }, one));
  });
  await utils.release();
}

const batching = {
  worker: { localQueue: { size: 500, refetchDelay: { durationMs: 10 } }, completeJobBatchDelay: 0, failJobBatchDelay: 0 },
};

async function work(jobs, how, concurrency) {
  await runMigrations({ pgPool, logger });
  await warm(10);
  let done = 0;
  let all;
  const finished = new Promise((resolve) => (all = resolve));
  const noop = () => {
    if (++done === jobs) all();
  };
  let runner;
  await took(jobs, async () => {
    const preset = how === "batched" ? batching : {};
    runner = await run({ pgPool, logger, concurrency, noHandleSignals: true, taskList: { noop }, preset });
    await finished;
    // What was worked on is not completed yet.
    const left = "SELECT EXISTS (SELECT 1 FROM graphile_worker._private_jobs) AS left";
    while ((await pgPool.query(left)).rows[0].left) await sleep(1);
  });
  await runner.stop();
}

async function wait() {
  const noop = (_, { job }) => console.log(`began ${job.id} ${micros()}`);
  await run({ pgPool, logger, concurrency: 1, noHandleSignals: true, taskList: { noop } });
  await sleep(1000);
  console.log("ready");
  await new Promise(() => {});
}

async function send(jobs, pause) {
  const utils = await makeWorkerUtils({ pgPool, logger });
  for (let number = 0; number < jobs; number += 1) {
    await sleep(pause);
    const before = micros();
    const job = await utils.addJob("noop", payload(number));
    console.log(`sent ${job.id} ${before} ${micros()}`);
  }
  await utils.release();
}

switch (verb) {
  case "migrate":
    await runMigrations({ pgPool, logger });
    break;
  case "enqueue":
    await enqueue(Number(args[0]), args[1], Number(args[2]));
    break;
  case "work":
    await work(Number(args[0]), args[1], Number(args[2]));
    break;
  case "wait":
    await wait();
    break;
  case "send":
    await send(Number(args[0]), Number(args[1]));
    break;
  default:
    throw new Error(`there is no verb ${verb}`);
}
await pgPool.end();
