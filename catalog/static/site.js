// SPDX-License-Identifier: BSD-3-Clause
// What a page can do once scripts run: name the place this repository really lies at, copy commands.
"use strict";

// Read from a mounted repository, the page knows where that is: …/<channel>/catalog/…
function mountPoint(url) {
  const found = /^file:\/\/(\/.*)\/(?:testing|stable)\/catalog\//.exec(url);
  if (!found) return null;
  const path = decodeURIComponent(found[1]);
  return /^[A-Za-z0-9_.,/+@%-]+$/.test(path) ? path : "'" + path.replaceAll("'", "'\\''") + "'";
}

const mount = mountPoint(location.href);
if (mount) {
  for (const place of document.querySelectorAll(".mount")) place.textContent = mount;
}

if (navigator.clipboard) {
  for (const shell of document.querySelectorAll("pre.shell")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.setAttribute("aria-label", "Copy these commands");
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(shell.querySelector("code").textContent);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Select";
        getSelection().selectAllChildren(shell.querySelector("code"));
      }
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
    shell.append(button);
  }
}
