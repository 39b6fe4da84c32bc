// A clang plugin for clang-tidy: its matchers look at our declarations only.
// clang-tidy 14 walks through every system header of a file, ten times what the
// file itself costs, and throws away what it finds there (clang-tidy 21 no longer
// does). Loaded by scripts/lint with -load; the scope is the one clangd gives its
// own clang-tidy checks: ASTContext::setTraversalScope.
#include <clang/AST/ASTConsumer.h>
#include <clang/AST/ASTContext.h>
#include <clang/Basic/SourceManager.h>
#include <clang/Frontend/CompilerInstance.h>
#include <clang/Frontend/FrontendAction.h>
#include <clang/Frontend/FrontendPluginRegistry.h>

#include <memory>
#include <string>
#include <vector>

namespace {

class Scope final : public clang::ASTConsumer {
 public:
  void HandleTranslationUnit(clang::ASTContext& context) override {
    const clang::SourceManager& sources = context.getSourceManager();
    std::vector<clang::Decl*> ours;
    for (clang::Decl* decl : context.getTranslationUnitDecl()->decls())
      if (!sources.isInSystemHeader(sources.getExpansionLoc(decl->getLocation())) &&
          decl->getLocation().isValid())
        ours.push_back(decl);
    context.setTraversalScope(ours);
  }
};

class Action final : public clang::PluginASTAction {
 public:
  ActionType getActionType() override { return AddBeforeMainAction; }
  std::unique_ptr<clang::ASTConsumer> CreateASTConsumer(clang::CompilerInstance& /*compiler*/,
                                                        llvm::StringRef /*file*/) override {
    return std::make_unique<Scope>();
  }
  bool ParseArgs(const clang::CompilerInstance& /*compiler*/,
                 const std::vector<std::string>& /*words*/) override {
    return true;
  }
};

const clang::FrontendPluginRegistry::Add<Action> registered("tidy-scope", "our declarations only");

}  // namespace
