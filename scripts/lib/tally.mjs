import { readFileSync } from 'node:fs';

/** Sums of everything that ran, for the closing line. */
export class Tally {
  passed = 0;
  failed = 0;
  /** Names of skipped tests; each says why in its own name or note. */
  skipped = [];
  /** Names of tests that passed at their second try only, with the words of the first. */
  unstable = [];

  /** One check that is a script. */
  step(name, ok) {
    if (ok) this.passed += 1;
    else this.failed += 1;
    console.log(`${ok ? 'ok' : 'FAILED'}: ${name}`);
  }

  /** A report of vitest's JSON reporter; a missing report counts as a failure. */
  addVitest(file) {
    let report;
    try {
      report = JSON.parse(readFileSync(file, 'utf8'));
    } catch {
      this.step(`${file} is readable`, false);
      return;
    }
    this.passed += report.numPassedTests;
    this.failed += report.numFailedTests;
    for (const suite of report.testResults) {
      if (suite.status === 'failed' && suite.assertionResults.length === 0) this.step(suite.name, false);
      for (const test of suite.assertionResults) {
        if (!['passed', 'failed'].includes(test.status)) this.skipped.push(test.fullName);
        // Errors of a test that passed are those of an earlier try.
        const [firstTry] = test.status === 'passed' ? test.failureMessages : [];
        if (firstTry !== undefined) this.unstable.push(`${test.fullName}\n${firstTry}`);
      }
    }
  }

  /** Output of `cargo test`. A test that cannot run here prints `skipped: <reason>` and counts as passed there. */
  addCargo(output) {
    for (const [, passed, failed, ignored] of output.matchAll(
      /^test result: .*? (\d+) passed; (\d+) failed; (\d+) ignored/gm,
    )) {
      this.passed += Number(passed);
      this.failed += Number(failed);
      for (let i = 0; i < Number(ignored); i++)
        this.skipped.push('an ignored cargo test; see its reason above');
    }
    for (const [, reason] of output.matchAll(/^skipped: (.*)/gm)) {
      this.passed -= 1;
      this.skipped.push(`cargo test: ${reason}`);
    }
  }

  /** Prints the unstable and the skipped tests and the closing line. */
  close() {
    for (const report of this.unstable) console.log(`UNSTABLE, passed at the second try: ${report}`);
    for (const name of this.skipped) console.log(`skipped: ${name}`);
    if (this.unstable.length > 0) console.log(`${this.unstable.length} of the passed needed a second try`);
    console.log(`${this.passed} passed, ${this.failed} failed, ${this.skipped.length} skipped`);
    return this.failed === 0 && this.passed > 0;
  }
}
