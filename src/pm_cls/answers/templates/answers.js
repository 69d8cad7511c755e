function make(kind, name, ...inner) {  // text is never read as HTML
  const made = document.createElement(kind);
  if (name) made.className = name;
  made.append(...inner);
  return made;
}
function say(english, chinese) {
  const both = make("span", "", make("span", "en", english), make("span", "zh", chinese));
  both.firstChild.lang = "en"; both.lastChild.lang = "zh-Hans";
  return both;
}
function percent(fraction) {
  const text = (100 * fraction).toFixed(1);
  if (text === "100.0" && fraction < 1) return "> 99.9%";
  return text === "0.0" && fraction > 0 ? "< 0.1%" : text + "%";
}
function picture(address, name) {
  const made = make("img");
  made.src = address; made.alt = name; made.title = name; made.loading = "lazy";
  return made;
}
function named(label, classes) {  // classes: null of those that tell myopia
  if (classes) return say(classes[label], classes[label]);
  return label ? say("pathologically myopic", "病理性近视") : say("not pathologically myopic", "不是病理性近视");
}
function shares(one, classes) {  // of more than two classes: the most probable three
  const most = Math.max(...one.logit), parts = one.logit.map(logit => Math.exp(logit - most));
  const sum = parts.reduce((a, b) => a + b);
  const found = parts.map((part, label) => [classes[label], part / sum]).sort((a, b) => b[1] - a[1]);
  const words = found.slice(0, 3).map(([name, share]) => `${name} ${percent(share)}`);
  return say(words.join(", "), words.join("，"));
}
function card(one, threshold, classes) {  // threshold: null where there are more than two classes
  const pictures = make("div", "pictures");
  if (one.image) pictures.append(picture(one.image, one.name));
  if (one.heat) pictures.append(picture(one.heat, "heat map 热力图"));
  const scale = make("div", "scale"), bar = make("i"), mark = make("b");
  bar.style.width = 100 * one.probability + "%";
  mark.style.left = 100 * threshold + "%";
  scale.append(bar, ...(threshold === null ? [] : [mark]));
  const made = make("article", "card", pictures, make("p", "name", one.name),
    make("p", "said", named(one.label, classes)),
    scale,
    make("p", "soft", threshold === null ? shares(one, classes) : say(`probability${classes ? ` of ${classes[1]}` : ""} ${percent(one.probability)}, threshold ${percent(threshold)}`,
      `${classes ? `“${classes[1]}”的` : "病理性近视"}概率 ${percent(one.probability)}，阈值 ${percent(threshold)}`)));
  if (one.is_sure === false) made.append(make("span", "badge", say("not sure", "不确定")));
  if (one.is_unlike) made.append(make("span", "badge", say("unlike the training photographs", "与训练照片不相似")));
  if (one.is_dark) made.append(make("span", "badge", say("nearly black", "几乎全黑")));
  return made;
}
