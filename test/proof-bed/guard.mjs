// Waits until the process that started it is gone (its end of our standard input closes), then clears the bed away.
// Plain JavaScript, because it must run by itself when everything else has crashed. Argument: the bed's folder.
import fs from 'node:fs';
import path from 'node:path';

const folder = process.argv[2];

/** Only a process that still has the bed's folder on its command line is ours: pids are reused. */
function isOurs(pid) {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder + path.sep);
  } catch {
    return false; // gone, or a system without /proc: there the reaper at the next start does it
  }
}

function clearAway() {
  const { children } = JSON.parse(fs.readFileSync(path.join(folder, 'processes.json'), 'utf8'));
  for (const { pid } of children) if (isOurs(pid)) process.kill(pid, 'SIGKILL');
  const everythingGone = () => children.every(({ pid }) => !isOurs(pid));
  const timer = setInterval(() => {
    if (!everythingGone()) return;
    clearInterval(timer);
    fs.rmSync(folder, { recursive: true, force: true });
  }, 50);
}

for (const name of ['SIGINT', 'SIGHUP', 'SIGTERM']) process.on(name, () => {});
process.stdin.on('end', clearAway);
process.stdin.resume();
