/*
 * convsync's snippet for the advertiser's site.
 *
 * It reads click IDs and UTM parameters from the page's address and from other tags' cookies, keeps
 * them for some days in the site's own storage, puts them into forms, and reports each submitted form
 * to the collector. Until it is told of consent to `ad_storage` it keeps and sends nothing, and
 * without consent to `ad_user_data` it hashes no e-mail and no phone. Addresses and numbers leave the
 * page only as SHA-256, normalised as convsync normalises them; what it cannot read for certain, it
 * leaves out. `tests/browser` holds it to this.
 *
 * It is told of consent by gtag("consent", …), or by whoever has no gtag:
 *
 *     (window.convsync = window.convsync || []).push({ ad_storage: "granted", ad_user_data: "denied" });
 *
 * A form that a script sends without a `submit` event is reported by `convsync.push(form)`.
 */
(function (url, fields, code, prefix, abroad, numbers) {
  const SIGNALS = ["ad_storage", "ad_user_data", "ad_personalization"];
  const READ = /^((g|fb|tt)clid|[gw]braid|msclkid|li_fat_id|utm_\w+)$/;
  const COOKIES = { _gcl_aw: "gclid", _gcl_gb: "wbraid", _fbc: "fbclid" };
  // GCL.<seconds>.<id>, or fb.1.<milliseconds>.<id>
  const IN_COOKIES = /\b(_gcl_aw|_gcl_gb|_fbc)=(?:GCL|fb\.\d)\.(\d{10})\d*\.([^;]+)/g;
  // A country's code and the 0 dialled at home; Italy's (39) is a part of the number.
  const HOME_ZERO = /^\+([17]|2[07]|3[0-46]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58])0/;

  const consent = {};
  const hashes = {};
  let address; // which the clicks in `landed` were read from
  let landed;
  let kept; // { visitor, landings, consent }, once ad_storage is granted

  // What the page's address and cookies say -------------------------------------------------------

  function landing() {
    const values = {};
    const query = (location.search + location.hash).replace(/#(.*\?)?/, "&");
    for (const [name, value] of new URLSearchParams(query)) {
      if (READ.test(name) && /^[^@]{1,512}$/.test(value)) values[name] = value;
    }
    return { at: Date.now(), values };
  }

  function clicksInCookies() {
    const found = [...document.cookie.matchAll(IN_COOKIES)];
    return found.map(([, name, at, id]) => ({ at: at * 1000, values: { [COOKIES[name]]: id } }));
  }

  // What is kept ----------------------------------------------------------------------------------

  const hex = (bytes) =>
    [...new Uint8Array(bytes)].map((byte) => (byte + 256).toString(16).slice(1)).join("");
  const random = () => hex(crypto.getRandomValues(new Uint8Array(16)));
  const textOf = ({ values }) => JSON.stringify(values);

  // Storage that is blocked, full or spoilt is no reason to stop: this page works from memory.
  function stored() {
    try {
      const found = JSON.parse(localStorage.convsync);
      if (found.visitor && found.landings.map) return found;
    } catch {}
  }

  function store() {
    try {
      if (kept) localStorage.convsync = JSON.stringify(kept);
      else delete localStorage.convsync;
    } catch {}
  }

  function keep() {
    kept = kept || stored() || { visitor: random(), landings: [] };
    const known = ["{}", ...kept.landings.map(textOf)];
    kept.landings = [...kept.landings, ...landed.filter((one) => !known.includes(textOf(one)))]
      .filter(({ at }) => at > Date.now() - 7776e6) // 90 days
      .sort((one, other) => one.at - other.at)
      .slice(-50); // as many as the collector takes in one report
    kept.consent = { ...consent };
    store();
    fill();
  }

  // Consent ---------------------------------------------------------------------------------------

  const isGranted = (signal) => consent[signal] === "granted";

  // gtag's default of "denied" only holds until somebody is asked; any other "denied" withdraws.
  function tell(said, source) {
    const { visitor, consent: was = {} } = kept || stored() || {};
    const isAnswer = source !== "default";
    for (const signal of SIGNALS) consent[signal] = said[signal] || consent[signal];
    const isSame = SIGNALS.every((signal) => was[signal] === consent[signal]);
    consent.at = isSame ? was.at : Date.now();
    consent.source = source;
    const isWithdrawn = (signal) => was[signal] === "granted" && !isGranted(signal);
    if (isAnswer && SIGNALS.some(isWithdrawn)) send(visitor, {});
    if (isGranted("ad_storage")) {
      keep();
    } else if (isAnswer) {
      if (kept) fill("");
      kept = undefined;
      store();
    }
  }

  // Forms -----------------------------------------------------------------------------------------

  function valueFor(name) {
    if (name === "convsync_visitor") return kept.visitor;
    return kept.landings.map(({ values }) => values[name]).findLast(Boolean);
  }

  // Hidden fields of these names are the snippet's: it writes into them, and empties them again.
  function fill(instead) {
    for (const input of document.querySelectorAll("form input")) {
      const value = valueFor(fields[input.name] || (input.type === "hidden" && input.name));
      const wanted = instead ?? value;
      if (!value || input.value === wanted) continue;
      input.value = wanted;
      input.dispatchEvent(new Event("input", { bubbles: true }));
    }
  }

  // E-mails and phones ----------------------------------------------------------------------------
  // One table of cases holds these and src/convsync/model/identifiers.py to the same answers.

  function normalisedEmail(raw) {
    const text = raw.replace(/\s/g, "").toLowerCase();
    const [, local, domain] =
      /^([^\s\0-\x1f\x7f@"(),:;<>[\\\]]+)@([a-z\d][\w.-]*\.[\w-]*[a-z\d])$/.exec(text) || [];
    const nobody =
      /^(not?[-_.]?(e?mail|provided|given|available|reply)|none|unknown|undefined|null|n\/?a|do(not|-not-)reply|dummy)$/;
    if (!local || nobody.test(local)) return "";
    if (!/^(google|g)mail\.com$/.test(domain)) return text;
    const mailbox = local.replace(/\+.*|\./g, "");
    return mailbox && `${mailbox}@${domain}`;
  }

  // A number without a + is one of the site's country: without what is dialled first at home, or
  // as it stands. One that begins like a number whose + is missing is left out, and so is one that
  // begins with 00 where that is not what is dialled to get abroad.
  function normalisedPhone(raw) {
    const text = raw.replace(/[\s\-.()/]/g, "").replace(RegExp(`^${abroad}`), "+");
    const isHome = text.startsWith(`+${code}`);
    if (/^(00|\+0|\+?(\d)\2*$)/.test(text)) return "";
    if (/^\+\d{8,15}$/.test(text) && !isHome) return HOME_ZERO.test(text) ? "" : text;
    if (text.startsWith(code) && code !== prefix) return "";
    const whole = isHome ? text.slice(1 + code.length) : text;
    const readings = [whole.replace(RegExp(`^(${prefix})`), ""), whole];
    const found = readings.find((one) => RegExp(`^(${numbers})$`).test(one));
    return found ? `+${code}${found}` : "";
  }

  // Begun while people type, so that a page about to be left has nothing to wait for.
  async function hashOf({ type, name, value }) {
    if (!/^(text|email|tel)$/.test(type) || !isGranted("ad_user_data")) return;
    const named = `${type} ${name}`;
    const isEmail = /e-?mail/i.test(named);
    const isPhone = /phone|mobile|\btel/i.test(named);
    const text = isEmail ? normalisedEmail(value) : isPhone && normalisedPhone(value);
    if (!text) return;
    // Pages without TLS have no `subtle`, and report no hashes.
    hashes[text] ??= crypto.subtle?.digest("SHA-256", new TextEncoder().encode(text)).then(hex);
    const hash = await hashes[text];
    return hash && [isEmail ? "email" : "phone", hash];
  }

  // Reports ---------------------------------------------------------------------------------------

  // Ages, because a visitor's clock may be wrong.
  const aged = ({ at, ...rest }) => ({ age: Date.now() - at, ...rest });

  function send(visitor, report) {
    const body = JSON.stringify({ id: random(), visitor, consent: aged(consent), ...report });
    fetch(url, { method: "POST", body, keepalive: true, credentials: "omit" }).catch(() => {});
  }

  async function report(form) {
    if (!isGranted("ad_storage")) return;
    keep();
    const { visitor, landings } = kept;
    const found = await Promise.all([...form.elements].map(hashOf));
    send(visitor, {
      landings: landings.map(aged),
      form: form.getAttribute("id"),
      identifiers: found.filter(Boolean),
    });
  }

  // Listening -------------------------------------------------------------------------------------

  function listen(name, hear) {
    const list = (window[name] = window[name] || []);
    const { push } = list;
    list.forEach(hear);
    list.push = (...entries) => {
      entries.forEach(hear);
      return push.apply(list, entries);
    };
  }

  function look() {
    if (address !== location.href) {
      address = location.href;
      landed = [...clicksInCookies(), landing()];
      if (isGranted("ad_storage")) keep();
    }
    if (kept) fill();
  }

  look();
  listen("dataLayer", (entry) => {
    if (entry[0] === "consent") tell(entry[2], entry[1]);
  });
  listen("convsync", (entry) => (entry.elements ? report(entry) : tell(entry, "site")));
  new MutationObserver(look).observe(document, { childList: true, subtree: true });
  addEventListener("change", (event) => hashOf(event.target), true);
  addEventListener("submit", (event) => report(event.target), true);
})(CONVSYNC_SETTINGS);
